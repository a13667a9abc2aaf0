# moonlane: `make demo` shows it, `make test` proves it, `make` builds it.
ifeq ($(origin CC),default)
CC      := $(shell command -v gcc || echo clang)
endif
BUILD   ?= build
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes $(WERROR)
LIBS    := lua5.4 sqlite3 libcurl libevent libcrypto libseccomp expat libedit
CPPFLAGS := -std=gnu11 -D_GNU_SOURCE -Isrc $(DEFS) $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
LDLIBS  := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -l:liblua5.4-cjson.so.0 -lm -lpthread

SRC   = $(filter-out src/cmd/main.c,$(wildcard src/*/*.c))
LUA   = $(wildcard lua/moonlane/*.lua)
OBJ   = $(SRC:src/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/library.o
SIM   = $(patsubst contrib/kintone-sim/%.c,$(BUILD)/obj/kintone-sim/%.o,$(wildcard contrib/kintone-sim/*.c))
CAPTURE = $(patsubst contrib/smtp-capture/%.c,$(BUILD)/obj/smtp-capture/%.o,$(wildcard contrib/smtp-capture/*.c))
ACCOUNT = $(patsubst contrib/account-sim/%.c,$(BUILD)/obj/account-sim/%.o,$(wildcard contrib/account-sim/*.c))
TESTS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))

all: setup
	@$(MAKE) --no-print-directory $(BUILD)/moonlane $(BUILD)/kintone-sim
setup:
	@contrib/setup
$(BUILD)/moonlane: $(BUILD)/obj/cmd/main.o $(BUILD)/libmoonlane.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/kintone-sim: $(SIM) $(BUILD)/libmoonlane.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/smtp-capture: $(CAPTURE) $(BUILD)/libmoonlane.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) -lssl
$(BUILD)/account-sim: $(ACCOUNT) $(BUILD)/libmoonlane.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/libmoonlane.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/library.c: contrib/embed.lua $(LUA)
	@mkdir -p $(@D)
	lua5.4 contrib/embed.lua $(LUA) > $@
$(BUILD)/obj/library.o: $(BUILD)/library.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/obj/kintone-sim/%.o: contrib/kintone-sim/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<
$(BUILD)/obj/account-sim/%.o: contrib/account-sim/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<
$(BUILD)/obj/smtp-capture/%.o: contrib/smtp-capture/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<
$(addprefix $(BUILD)/tests/,test_store test_store_file test_store_fault test_store_backup): $(wildcard tests/store_suite*.c)
$(BUILD)/tests/test_store_fault: tests/sim/stacks.c
$(BUILD)/tests/test_mail: contrib/smtp-capture/capture.c contrib/smtp-capture/tls.c
$(BUILD)/tests/test_mail: LDLIBS += -lssl
$(BUILD)/tests/%: tests/%.c $(BUILD)/libmoonlane.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(WARN) -MMD -MP -o $@ $(filter %.c,$^) $(BUILD)/libmoonlane.a $(LDLIBS) -lcmocka

test:
	@contrib/setup test
	@$(MAKE) --no-print-directory -j2 $(BUILD)/moonlane $(BUILD)/kintone-sim \
	  $(BUILD)/account-sim $(BUILD)/smtp-capture $(BUILD)/cost \
	  $(BUILD)/leads $(BUILD)/hook-receiver $(BUILD)/check_alloc \
	  $(BUILD)/check_http_other $(TESTS)
	@BUILD=$(BUILD) tests/run
demo: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/kintone-sim
	@BUILD=$(BUILD) contrib/demo
demo-partners: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane
	@BUILD=$(BUILD) contrib/demo-partners
demo-cloudportal: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/account-sim $(BUILD)/smtp-capture
	@BUILD=$(BUILD) contrib/demo-cloudportal
$(BUILD)/bench: $(wildcard tests/bench/*.c tests/bench/*.h) $(BUILD)/libmoonlane.a
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -o $@ $(filter %.c,$^) $(BUILD)/libmoonlane.a $(LDLIBS)
$(BUILD)/cost: tests/cost.c $(BUILD)/libmoonlane.a
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -DFLAGS='"$(CFLAGS)"' -o $@ $^ $(LDLIBS)
$(BUILD)/hook-receiver: tests/hook_receiver.c $(BUILD)/libmoonlane.a
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -o $@ $^ $(LDLIBS)
$(BUILD)/leads: contrib/leads/leads.c $(BUILD)/libmoonlane.a
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -o $@ $(filter %.c,$^) $(BUILD)/libmoonlane.a $(LDLIBS)
bench: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/kintone-sim $(BUILD)/leads $(BUILD)/bench
	@$(BUILD)/bench --build $(BUILD)
	@cp $(BUILD)/bench.json contrib/bench/$$(date -u +%F).json
	@contrib/bench/table contrib/bench/$$(date -u +%F).json > $(BUILD)/bench.md
	@echo "$(BUILD)/bench.md: the table for README"

# Longer than `make test`: the disk stopped at every operation, seeds, hostile
# scripts and requests, fuzzing.
CHECKS = check_crash check_sim check_alloc check_sandbox check_http check_http_other
$(addprefix $(BUILD)/,check_crash check_sim check_alloc): $(wildcard tests/sim/*.c)
# check_alloc stands between Lua and its allocator.
WRAP = -Wl,--wrap=ml_region_alloc,--wrap=ml_region_lift,--wrap=ml_worker_image
$(BUILD)/check_alloc: LDLIBS += $(WRAP)
$(addprefix $(BUILD)/,$(CHECKS)): $(BUILD)/%: tests/%.c $(BUILD)/libmoonlane.a
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(WARN) -o $@ $(filter %.c,$^) $(BUILD)/libmoonlane.a $(LDLIBS)
check-crash check-sandbox check-http: check-%: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/check_$*
	@BUILD=$(BUILD) $(BUILD)/check_$*
# Our request parser and Node's on the same streams.
check-http-other:
	@contrib/setup test
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/check_http_other
	@$(BUILD)/check_http_other --streams $(or $(STREAMS),200000) --seed $(or $(SEED),1)
check-alloc: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/check_alloc
	@$(BUILD)/check_alloc $(if $(FULL),--full)
check-kill: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/account-sim \
	  $(BUILD)/smtp-capture $(BUILD)/tests/test_kill
	@BUILD=$(BUILD) $(BUILD)/tests/test_kill --kills $(or $(KILLS),100)
	@BUILD=$(abspath $(BUILD)) tests/t_kill_cloudportal --kills $(or $(KILLS),100)
# A script worker is killed every 50 ms while processes run: nothing lost or doubled.
check-chaos: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/tests/test_workers
	@BUILD=$(BUILD) $(BUILD)/tests/test_workers $$(($(or $(MINUTES),10) * 60))
check-million: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane $(BUILD)/tests/test_million
	@BUILD=$(BUILD) $(BUILD)/tests/test_million --count $(or $(COUNT),1000000)
sim: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/check_sim
	@$(BUILD)/check_sim --seeds $(or $(SEEDS),1000)
# Each bug of a list put into the program: a suite must fail (tests/planted).
check-planted: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane
	@BUILD=$(BUILD) CC="$(CC)" PLANT_CPPFLAGS="$(CPPFLAGS)" \
	  PLANT_CFLAGS="$(CFLAGS) $(WARN)" PLANT_LDLIBS="$(LDLIBS)" PLANT_WRAP="$(WRAP)" tests/planted $(PLANT)
# The two gates of strangers under AddressSanitizer and UndefinedBehaviorSanitizer.
check-sandbox-asan check-http-asan: check-%-asan:
	@$(MAKE) --no-print-directory -s BUILD=$(BUILD)-asan CFLAGS="-g -O1 -fsanitize=address,undefined -fno-omit-frame-pointer" check-$*
# The whole suite under sanitizers, each in a build of its own.
SANITIZE-asan = address,undefined -fno-sanitize-recover=undefined
SANITIZE-tsan = thread
# The thread sanitizer holds signals back, so the tick cannot stop a script: the
# workers, which have one thread, are those of the plain build.
DEFS-tsan = "-DML_TEMPLATE_PROGRAM='\"$(abspath $(BUILD)/moonlane)\"'"
check-tsan: plain-workers
plain-workers: setup
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/moonlane
check-asan check-tsan: check-%:
	@TEST_TIMEOUT=$(or $(TEST_TIMEOUT),1800) $(MAKE) --no-print-directory BUILD=$(BUILD)-$* \
	  DEFS=$(DEFS-$*) \
	  CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE-$*)" test
fuzz:
	@BUILD=$(BUILD) tests/fuzz/run $(or $(SECONDS),60)
clean:
	rm -rf $(BUILD)
.PHONY: all setup test demo demo-partners demo-cloudportal bench sim fuzz clean \
  check-crash check-alloc check-kill check-chaos check-million check-planted check-sandbox \
  check-http check-http-other check-sandbox-asan check-http-asan check-asan check-tsan \
  plain-workers
-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/tests/*.d)
