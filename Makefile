# SPDX-License-Identifier: BSD-2-Clause
# mbkit: everything is built under build/; sources, boxes and tests are found by name.

VERSION := 0.1.0
CC      ?= gcc
V       ?= 0
Q       := $(if $(filter 0,$(V)),@,)

# B is the build directory of one variant: build (release) or build/asan (sanitizers).
B        ?= build
SANITIZE ?=
WERROR   ?=
OPT      ?= -O2 -g
PKGS     := libpcap lua5.4 libcrypto jansson

CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -I. -I$(B) -DMBKIT_VERSION='"$(VERSION)"' \
	-Wall -Wextra -Wshadow -Wconversion $(WERROR) $(OPT) $(SANITIZE) \
	$(shell pkg-config --cflags lua5.4) $(CFLAGS)
LDLIBS_ALL = $(SANITIZE) $(shell pkg-config --libs $(PKGS)) -lm $(LDLIBS)

ROOMS    := probe/base probe/wire probe/io probe/endpoint probe/analyze mbtest mbtest/net \
	mbtest/box mbtest/judge mbtest/suite lua
SOURCES  := $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(ROOMS))))
BOXES    := $(basename $(notdir $(wildcard mbtest/box/*.c)))
LUA      := $(wildcard lua/*.lua lua/box/*.lua lua/suites/*.lua)
OBJECTS  := $(SOURCES:%.c=$(B)/obj/%.o) $(B)/obj/box_list.o $(B)/obj/lua_files.o
PROGRAMS := $(foreach p,$(wildcard mbtest/main.c tracebox/main.c probe/main.c),$(B)/$(if \
	$(filter probe/main.c,$p),mpprobe,$(patsubst %/main.c,%,$p)))
UNITS    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all run check bench fuzz lint install deb clean units
all: $(PROGRAMS)
units: $(UNITS)

run check: ; @echo "not yet"

$(B)/mbtest: $(B)/obj/mbtest/main.o
$(B)/tracebox: $(B)/obj/tracebox/main.o
$(B)/mpprobe: $(B)/obj/probe/main.o
$(PROGRAMS): $(B)/libmbkit.a
	@echo "  LINK  $@"
	$(Q)$(CC) -o $@ $(filter %.o,$^) $(B)/libmbkit.a $(LDLIBS_ALL)

$(B)/libmbkit.a: $(OBJECTS)
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: $(B)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The list of boxes is the listing of mbtest/box.
$(B)/box_list.c: scripts/box_list.sh $(wildcard mbtest/box/*.c)
	@mkdir -p $(@D)
	$(Q)sh scripts/box_list.sh $(BOXES) > $@

# Lua files are embedded, so that a binary runs from anywhere.
$(B)/lua_files.c: scripts/embed_lua.sh $(LUA)
	@mkdir -p $(@D)
	$(Q)sh scripts/embed_lua.sh $(LUA) > $@

# One program a unit test file; TEST(name) is found by unit_list.sh.
$(B)/unit/%: tests/unit/%.c tests/unit/unit.c tests/unit/unit.h $(B)/libmbkit.a
	@mkdir -p $(@D)
	@echo "  UNIT  $@"
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< tests/unit/unit.c $(B)/libmbkit.a $(LDLIBS_ALL)

clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(patsubst %,$(B)/obj/%/main.d,mbtest tracebox probe)
