/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a shadow may ask of the kernel. */
#include "errno.h"
#include "gp.h"
#include "shadow/calls.h"

void thread_to_user(void);

/* ---- the shadow's own calls ---- */

/* The handler is told of posts by a UPID in the window (F6). */
static long init_uintr(struct process *p, uint64_t handler)
{
    struct thread *t = p->thread;
    long error;

    if (!t->upid) {
        t->upid = (struct upid *)link.upids + p->slot;
        upid_init(t->upid, UINTR_NOTIFICATION, t->far_id);
    }
    error = thread_uintr_handler(handler, SHADOW_RED_ZONE);
    return error ? error : (long)(p->slot * UPID_ALIGN) + SHADOW_VECTOR;
}

/* Until it is told, but not if it has been: a post may be in UIRR already. */
static long wait(struct process *p, uint64_t ms)
{
    if (!p->thread->upid->pir && !rdmsr(UINTR_MSR_RR)) {
        thread_block(ms ? clock_now() + ms * MILLISECOND : NEVER);
    }
    return 0;
}

static long tell(struct process *p, uint64_t mode)
{
    switch (mode) {
    case SCF3_MODE_IPI:
        apic_icr(RT_LOCAL_ID, ICR_FIXED | ICR_ASSERT | RT_IPI_VECTOR);
        return 0;
    case SCF3_MODE_POSTED:
        if (link_post(&link, p->slot)) {
            return 0;
        }
        /* fall through */
    case SCF3_MODE_IRQ:
        link_ring(&link);
        return 0;
    default:
        return -EINVAL;
    }
}

/* F30: as if it had just begun */
static long renew(struct process *p)
{
    files_close_all(&p->files);
    files_init(&p->files);
    shadow_unmap_all(p);
    shadows_retry();
    return 0;
}

static long twin(struct process *p, uint64_t slot)
{
    if (slot >= SCF3_SLOTS || slot == p->slot || !shadows[slot].thread) {
        return -EINVAL;
    }
    files_copy(&shadows[slot].files, &p->files);
    return 0;
}

static long leave(struct process *p)
{
    files_close_all(&p->files);
    shadow_unmap_all(p);
    shadows_retry();
    return 0;
}

static long now(uint64_t to)
{
    uint64_t ns = clock_now();
    uint64_t time[2] = { ns / SECOND, ns % SECOND / MICROSECOND };

    return copy_to_user(to, time, sizeof(time));
}

/* ---- the calls that RT's processes make ---- */

static long files_call(struct process *p, uint64_t call, const uint64_t *a)
{
    struct files *fs = &p->files;

    switch (call) {
    case 0:
        return file_read(fs, a[0], a[1], a[2]);
    case 1:
        return file_write(fs, a[0], a[1], a[2]);
    case 2:
        return file_open(fs, a[0], a[1]);
    case 3:
        return file_close(fs, a[0]);
    case 4:
        return file_stat(a[0], a[1]);
    case 5:
        return file_fstat(fs, a[0], a[1]);
    case 8:
        return file_seek(fs, a[0], a[1], a[2]);
    case 22:
        return file_pipe(fs, a[0]);
    case 32:
        return file_dup(fs, a[0]);
    case 87:
        return file_unlink(a[0]);
    case 96:
        return now(a[0]);
    default:
        return -ENOSYS;
    }
}

static long shadow_call(struct process *p, uint64_t call, const uint64_t *a)
{
    switch (call) {
    case SHADOW_INIT:
        return init_uintr(p, a[0]);
    case SHADOW_WAIT:
        return wait(p, a[0]);
    case SHADOW_TELL:
        return tell(p, a[0]);
    case SHADOW_RENEW:
        return renew(p);
    case SHADOW_MAIL:
        shadows_mail();
        return 0;
    case SHADOW_ALONE:
        return thread_is_alone();
    case SCF3_CALL_MAP:
        return shadow_map(p, a);
    case SCF3_CALL_UNMAP:
        return shadow_unmap(p, a[0], a[1]);
    case SCF3_CALL_EXEC:
        shadow_unmap_all(p);
        return 0;
    case SCF3_CALL_FORK:
        return twin(p, a[0]);
    case SCF3_CALL_EXIT:
        return leave(p);
    default:
        return files_call(p, call, a);
    }
}

/* What others may wait for */
static bool may_end_a_wait(uint64_t call, long result)
{
    return call <= 3 && call != 2 && result >= 0;
}

long system_call(struct frame *f)
{
    const uint64_t args[6] = { f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9 };
    long result = shadow_call(thread_current()->process, f->rax, args);

    if (may_end_a_wait(f->rax, result)) {
        shadows_retry();
    }
    return result;
}

/* A shadow that breaks is replaced; RT sees a server that was restarted. */
void thread_leave(void)
{
    shadow_gone(thread_current()->process);
    thread_exit();
}

/*
 * F45: RT can spoil its UPID, and SENDUIPI to it is a fault then.  The shadow
 * goes on behind it, and the doorbell tells RT.
 */
static const uint8_t senduipi_rax[] = { 0xf3, 0x0f, 0xc7, 0xf0 };

static bool is_senduipi(const struct frame *f)
{
    uint8_t there[sizeof(senduipi_rax)];

    return f->vector == VEC_GP &&
           !copy_from_user(there, f->rip, sizeof(there)) &&
           !memcmp(there, senduipi_rax, sizeof(there));
}

static void __attribute__((noreturn)) go_on(struct frame *f)
{
    f->rip += sizeof(senduipi_rax);
    link_ring(&link);
    thread_to_user();
    asm volatile("mov %0, %%rsp; jmp kernel_return" : : "r"(f));
    __builtin_unreachable();
}

void thread_faulted(struct frame *f)
{
    if (is_senduipi(f)) {
        go_on(f);
    }
    printf("# shadow %u: vector %lu at %lx, address %lx\n",
           thread_current()->process->slot, f->vector, f->rip, trap_cr2());
    thread_leave();
}
