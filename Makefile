# SPDX-License-Identifier: GPL-2.0-or-later
# The commands people type. What they do is in scripts/ and in meson.build.

.PHONY: help prep build check check-full check-one list-tests demo demo-linux timeline style \
	refresh-patches check-upstream check-builds check-linux check-mutants \
	bench bench-linux hunt stages golden dist export-series

help:
	@sed -n 's/^## //p' Makefile

## make demo             build, then show it at work
demo: build
	@scripts/demo

## make demo-linux       Debian's stock kernel beside RT, which it serves; FORM=two: in two processes
demo-linux: build
	@scripts/demo-linux $(or $(FORM),one)

## make timeline         draw the user interrupts of a payload (T=demo A="n=5 only=..."): build/timeline.html
timeline: build
	@scripts/timeline --run $(or $(T),demo) --args '$(A)' -o build/timeline.html

## make check            build, then run the tests
check: build
	@scripts/check

## make check-full       the tests, and all that takes long
check-full: build
	@scripts/check --full

## make check-one T=NAME run one test; the QEMU command line is printed first
check-one: build
	@scripts/check-one '$(T)'

## make check-linux      boot Debian's stock kernel in every variant
check-linux: build
	@scripts/check linux

## make stages           where the time of a forwarded call goes, for each way of telling
stages: build
	@bench/stages $(FORMS)

## make golden           renew the timing that the tests hold; IMAGES=1: and the images that it is of
golden: build
	@scripts/golden

## make bench            measure, side by side with the stock QEMU
bench: build
	@bench/uintr

## make bench-linux      the same with boots of Debian's stock kernel, and of a Debian disk
bench-linux: build
	@bench/uintr --linux; linux=$$?; bench/uintr --disk && exit $$linux

## make hunt             find the planted bugs of guests/buggy; IMAGES=... for other payloads
hunt: build
	@scripts/hunt $(or $(IMAGES),$(filter-out %_fixed.bin,$(wildcard build/guests/buggy/*.bin))); \
		[ $$? -le 1 ]

## make list-tests       the names for check-one
list-tests:
	@scripts/list-tests

## make build            the patched QEMU and everything of ours, into build/
build:
	@scripts/build

## make prep             the patched QEMU source, in qemu/ (FORCE=1: without your changes there)
prep:
	@scripts/prep

## make refresh-patches  the commits of qemu/ back to patches/
refresh-patches:
	@scripts/refresh-patches

## make dist             an archive for machines that build nothing: build/dist/*.tar.xz
dist: build
	@scripts/dist

## make export-series    hooks and overlay as one git am series, for other trees: build/series
export-series: prep
	@scripts/export-series

## make style            the form of C files, headers and patches
style: build
	@scripts/style

## make check-upstream   QEMU's own tests, and migration, on the stock and on the patched QEMU
check-upstream: build
	@scripts/check-upstream
	@scripts/check-migration

## make check-mutants    break the overlay in every way listed, expect the tests to notice
check-mutants: build
	@scripts/check-mutants

## make check-builds     the configurations that are built but not tested
check-builds: prep
	@scripts/check-builds
