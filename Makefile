# SPDX-License-Identifier: BSD-2-Clause
# mbkit: everything is built under build/; sources, boxes, Lua files and tests are found by name.
#
#   make            the programs, release             make run     install, build, show
#   make check      install, build, all tests         make bench   measure, bench.json
#   make long       the whole of what tests measure   make lint    clang-format, clang-tidy
#   make fuzz       FUZZ_SECONDS=30 a target
#   make format     clang-format in place             make doc      catalogue and examples anew
#   make install    DESTDIR= PREFIX=/usr/local        make deb      a Debian package
#   make clean
#
# Variables: V=1 shows the commands; B is the build directory of one variant, with its own OPT,
# LTO, SANITIZE and WERROR; CFLAGS and LDLIBS are added to ours. What is installed, packed or
# measured is optimised as a whole, for a quarter more speed and a minute more of building; LTO=
# turns that off.

VERSION  := 0.1.0
ifeq ($(origin CC),default)
CC       := gcc
endif
V        ?= 0
Q        := $(if $(filter 0,$(V)),@,)
B        ?= build
SANITIZE ?=
WERROR   ?=
OPT      ?= -O2 -g
LTO_ARGS := $(if $(SANITIZE)$(filter clang%,$(CC)),,-flto=auto -ffat-lto-objects)
LTO      ?= $(if $(filter install deb bench,$(MAKECMDGOALS)),$(LTO_ARGS))
PREFIX   ?= /usr/local
PYTHON   ?= /usr/bin/python3
PKGS     := libpcap libcares lua5.4 libcrypto jansson libcap-ng libmnl
FUZZ_SECONDS ?= 30
PYTEST_ARGS  ?=

ASAN_ARGS := B=build/asan OPT="-O1 -g -fno-omit-frame-pointer" \
	SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined" WERROR=-Werror
FUZZ_ARGS := B=build/fuzz CC=clang OPT="-O1 -g" \
	SANITIZE="-fsanitize=fuzzer-no-link,address" FUZZ_LINK=-fsanitize=fuzzer

# Asked once, and only when something is compiled: make run installs pkg-config first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CFLAGS_STD := -std=c11 -D_GNU_SOURCE -I. -DMBKIT_VERSION='"$(VERSION)"' \
	-Wall -Wextra -Wshadow -Wconversion
# Sentences are cut to their buffers on purpose; gcc alone knows of it.
CFLAGS_GCC := $(if $(filter clang%,$(CC)),,-Wno-format-truncation)
CFLAGS_ALL = $(CFLAGS_STD) $(CFLAGS_GCC) $(OPT) $(LTO) $(SANITIZE) $(PKG_CFLAGS) $(CFLAGS)
LINK       = $(CC) $(OPT) $(LTO) $(SANITIZE)
# Tests are linked as compiled: a hundred of them are not worth optimising each as a whole.
LINK_TEST  = $(CC) $(OPT) -fno-lto $(SANITIZE)
LIBS       = $(B)/libmbkit.a $(PKG_LIBS) -lnet -lm $(LDLIBS)

ROOMS    := probe probe/base probe/wire probe/io probe/endpoint probe/analyze tracebox \
	mbtest mbtest/net mbtest/box mbtest/judge mbtest/suite lua
SOURCES  := $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(ROOMS))))
MAINS    := $(wildcard probe/main.c tracebox/main.c mbtest/main.c)
PROGRAMS := $(MAINS:%/main.c=$(B)/%)
PROGRAMS := $(PROGRAMS:$(B)/probe=$(B)/mpprobe)
BOXES    := $(basename $(notdir $(wildcard mbtest/box/*.c)))
LUA      := $(wildcard lua/*.lua lua/*/*.lua)
OBJECTS  := $(SOURCES:%.c=$(B)/obj/%.o) $(B)/obj/box_list.o $(B)/obj/lua_files.o
UNITS    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*_tool.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES  := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/bench_*.c))
C_FILES   = $(wildcard $(addsuffix /*.[ch],$(ROOMS)) tests/*/*.[ch])

# A make of our own inside a recipe: side by side unless the caller said how.
SUBMAKE   = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc))

.PHONY: all units fuzzers benches run check long bench fuzz lint format doc install deb clean FORCE
.SECONDARY:
all: $(PROGRAMS)
units: $(UNITS) $(TOOLS)
fuzzers: $(FUZZERS)
benches: $(BENCHES)

# ---- what a person types ----

run:
	$(Q)sh scripts/install.sh build
	$(Q)$(SUBMAKE) all
	$(Q)build/mbtest run classic
	$(Q)build/tracebox --sim scripts/paths/strip.lua --mptcp 1 -n

check:
	$(Q)sh scripts/install.sh build check
	$(Q)$(SUBMAKE) $(ASAN_ARGS) all units fuzzers
	$(Q)$(SUBMAKE) WERROR=-Werror all
	$(Q)MBKIT_BUILD=build/asan $(PYTHON) -m pytest tests -n auto --dist loadgroup $(PYTEST_ARGS)

# 100,000 seeds, a million of whatever floods, every figure of congestion control: minutes.
long:
	$(Q)sh scripts/install.sh build check
	$(Q)$(SUBMAKE) all units fuzzers
	$(Q)MBKIT_BUILD=build MBKIT_LONG=1 $(PYTHON) -m pytest tests -m long -s -v $(PYTEST_ARGS)

# What is compared with may be missing: the figures then say so.
bench:
	$(Q)sh scripts/install.sh build
	$(Q)sh scripts/install.sh bench || true
	$(Q)$(SUBMAKE) LTO="$(LTO)" all benches
	$(Q)$(PYTHON) scripts/bench.py --out bench.json

fuzz:
	$(Q)sh scripts/install.sh build fuzz
	$(Q)$(SUBMAKE) $(FUZZ_ARGS) fuzzers
	$(Q)sh scripts/fuzz.sh build/fuzz/fuzz $(FUZZ_SECONDS)

lint:
	$(Q)sh scripts/install.sh build lint
	$(Q)$(SUBMAKE) build/box_list.c
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(Q)printf '%s\n' $(filter %.c,$(C_FILES)) | xargs -P "$$(nproc)" -n 4 sh -c \
		'clang-tidy --quiet "$$@" -- $(subst ','\'',$(CFLAGS_STD)) $(PKG_CFLAGS) 2>&1 | \
		sed "/warnings* generated\.$$/d" | { ! grep .; }' lint

format:
	$(Q)clang-format -i $(C_FILES)

doc: all
	$(Q)sh scripts/catalogue.sh build/mbtest > doc/catalogue.md.new
	$(Q)mv doc/catalogue.md.new doc/catalogue.md
	$(Q)$(PYTHON) scripts/examples.py README.md doc/*.md

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard doc/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	for name in $(notdir $(PROGRAMS)); do install -D -m 644 scripts/$$name.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$name || exit; done
	for file in $(LUA) $(wildcard scripts/*/*.lua); do \
		install -D -m 644 $$file $(DESTDIR)$(PREFIX)/share/mbkit/$$file || exit; done

deb: all
	$(Q)sh scripts/install.sh deb
	$(Q)sh scripts/deb.sh $(VERSION) $(B)

clean:
	rm -rf build bench.json

# ---- programs ----

$(B)/mbtest: $(B)/obj/mbtest/main.o
$(B)/tracebox: $(B)/obj/tracebox/main.o
$(B)/mpprobe: $(B)/obj/probe/main.o
$(PROGRAMS): $(B)/libmbkit.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIBS)

# What tests in Python call, with a main of its own.
$(B)/unit/%_tool: $(B)/obj/tests/unit/%_tool.o $(B)/libmbkit.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(LINK_TEST) -o $@ $(filter %.o,$^) $(LIBS)

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(B)/obj/tests/unit/unit.o $(B)/libmbkit.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(LINK_TEST) -o $@ $(filter %.o,$^) $(LIBS)

# A fuzz target is driven by the fuzzer's own main (make fuzz) or by driver.c (everywhere else).
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(if $(FUZZ_LINK),,$(B)/obj/tests/fuzz/driver.o) \
		$(B)/libmbkit.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(LINK_TEST) $(FUZZ_LINK) -o $@ $(filter %.o,$^) $(LIBS)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/libmbkit.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIBS)

$(B)/libmbkit.a: $(OBJECTS) $(B)/names
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $(OBJECTS)

# ---- objects; WERROR is no reason to compile again ----

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(WERROR) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: $(B)/%.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(WERROR) -MMD -MP -c -o $@ $<

# The list of boxes is the listing of mbtest/box.
$(B)/box_list.c: scripts/box_list.sh $(B)/names
	@echo "  GEN   $@"
	$(Q)sh $< $(BOXES) > $@.new && mv $@.new $@

# Lua files are embedded, so that a binary runs from anywhere.
$(B)/lua_files.c: scripts/embed_lua.sh $(LUA) $(B)/names
	@echo "  GEN   $@"
	$(Q)sh $< $(LUA) > $@.new && mv $@.new $@

# Two stamps that change only when their text does: how things are compiled, and which there are.
$(B)/flags: STAMP = $(CC) $(CFLAGS_ALL)
$(B)/names: STAMP = $(SOURCES) $(LUA)
$(B)/flags $(B)/names: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(subst ",\",$(STAMP)) | cmp -s - $@ || \
		printf '%s\n' $(subst ",\",$(STAMP)) > $@

-include $(wildcard $(addsuffix /*.d,$(addprefix $(B)/obj/,. $(ROOMS) \
	tests/unit tests/fuzz tests/bench)))
