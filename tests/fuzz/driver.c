/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - runs a fuzz target without a fuzzer: over the files named on the command line, and
 * over COUNT inputs made from SEED, half of them random bytes, half of them a named file with
 * some bytes changed, cut or repeated. The same arguments give the same inputs everywhere.
 *
 *   fuzz_X SEED COUNT [FILE...]
 */
#include "probe/base/alloc.h"
#include "probe/base/rng.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t bytes[INPUT_BYTES];
	size_t length;
};

/* An own allocation of the exact size, so that a sanitizer sees the first byte beyond. */
static void try_input(const struct input *input)
{
	uint8_t *exact = xcalloc(1, input->length + (input->length == 0));

	memcpy(exact, input->bytes, input->length);
	LLVMFuzzerTestOneInput(exact, input->length);
	free(exact);
}

static bool read_input(const char *name, struct input *input)
{
	FILE *file = fopen(name, "rb");

	if (file == NULL)
		return false;
	input->length = fread(input->bytes, 1, sizeof(input->bytes), file);
	fclose(file);
	return true;
}

static void random_input(struct input *input, struct rng *rng)
{
	size_t i;

	/* Short ones more often: most formats decide within their first bytes. */
	input->length = rng_below(rng, rng_chance(rng, 1, 4) ? 1600 : 96);
	for (i = 0; i < input->length; i++)
		input->bytes[i] = (uint8_t)rng_below(rng, 256);
}

static void change_input(struct input *input, struct rng *rng)
{
	uint64_t left = 1 + rng_below(rng, 8);
	size_t at;

	while (left-- > 0 && input->length > 0) {
		at = rng_below(rng, input->length);
		switch (rng_below(rng, 4)) {
		case 0:
			input->bytes[at] = (uint8_t)rng_below(rng, 256);
			break;
		case 1:
			input->bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8));
			break;
		case 2:
			input->length = at;
			break;
		default:
			memmove(input->bytes + at, input->bytes, (input->length - at) / 2);
			break;
		}
	}
}

int main(int argc, char **argv)
{
	static const struct input empty;
	struct input *files, input;
	size_t file_count = argc > 3 ? (size_t)argc - 3 : 0, i;
	uint64_t count;
	struct rng rng;

	if (argc < 3) {
		fprintf(stderr, "usage: %s SEED COUNT [FILE...]\n", argv[0]);
		return 2;
	}
	rng_init(&rng, strtoull(argv[1], NULL, 10));
	count = strtoull(argv[2], NULL, 10);
	files = xcalloc(file_count + 1, sizeof(*files));
	for (i = 0; i < file_count; i++) {
		if (!read_input(argv[3 + i], &files[i])) {
			fprintf(stderr, "%s: cannot be read\n", argv[3 + i]);
			free(files);
			return 2;
		}
		try_input(&files[i]);
	}
	try_input(&empty);
	for (; count > 0; count--) {
		if (file_count > 0 && rng_chance(&rng, 1, 2)) {
			input = files[rng_below(&rng, file_count)];
			change_input(&input, &rng);
		} else {
			random_input(&input, &rng);
		}
		try_input(&input);
	}
	free(files);
	return 0;
}
