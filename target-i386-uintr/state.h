/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user-interrupt state of a CPU, embedded in CPUX86State. */
#ifndef TARGET_I386_UINTR_STATE_H
#define TARGET_I386_UINTR_STATE_H

#include "built.h"

#define CPUID_7_0_EDX_UINTR     (1U << 5)       /* R1 */
#define CPUID_7_1_EDX_UIRET_UIF (1U << 17)      /* R2 */
#define CR4_UINTR_MASK          (1U << 25)      /* R8 */

/* What TCG offers; linux-user and 32-bit targets know nothing of it. */
#ifdef HAVE_X86_UINTR
#define TCG_7_0_EDX_UINTR       CPUID_7_0_EDX_UINTR
#define TCG_7_1_EDX_UIRET_UIF   CPUID_7_1_EDX_UIRET_UIF
#define TCG_XSS_UINTR           XSTATE_UINTR_MASK
#else
#define TCG_7_0_EDX_UINTR       0
#define TCG_7_1_EDX_UIRET_UIF   0
#define TCG_XSS_UINTR           0
#endif

/* Its XSAVE state component, and IA32_XSS's bit for it (R4, R153). */
#define XSTATE_UINTR_BIT        14
#define XSTATE_UINTR_MASK       (1ULL << XSTATE_UINTR_BIT)
#define XSTATE_UINTR_SIZE       48

/* Request bit: set if and only if UIRR is not zero and UIF is set. */
#define CPU_INTERRUPT_UINTR     CPU_INTERRUPT_TGT_EXT_0

typedef struct CPUX86UintrState {
    uint64_t rr;            /* UIRR */
    uint64_t handler;
    uint64_t stackadjust;
    uint64_t pd;            /* UPIDADDR */
    uint64_t tt;            /* UITTADDR and the SENDUIPI enable bit */
    uint32_t uittsz;        /* highest valid index (R20) */
    uint8_t uinv;
    uint8_t uif;            /* has no MSR (R21) */
    uint8_t in_mwait;       /* halted by MWAIT, not by HLT (R75) */
} CPUX86UintrState;

/* What SENDUIPI does with a null UITT (R41, R45): x-uintr-null-uitt */
typedef enum UintrNullUitt {
    UINTR_NULL_UITT_GP,     /* TT[0]=0 is #UD, TT[0]=1 with null table #GP */
    UINTR_NULL_UITT_GP_ALL, /* #GP for TT[0]=0 as well */
    UINTR_NULL_UITT_SDM,    /* TT[0]=0 is #UD, else access linear address 0 */
} UintrNullUitt;

/* What the user chose, embedded in X86CPU. */
typedef struct X86UintrConfig {
    UintrNullUitt null_uitt;
    uint32_t quirks;        /* x-uintr-quirks: a bit for each (quirks.h) */
    bool no_cmpxchg128;     /* x-uintr-no-cmpxchg128: the fallback path */
    bool own_access;        /* the facility itself is writing to a UPID */
    uintptr_t own_post;     /* the SENDUIPI whose stores are its post */
} X86UintrConfig;

#endif
