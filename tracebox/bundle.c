/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bundle.c - the formats: tar as POSIX.1-1988 (ustar) has it, gzip by RFC 1952 with stored blocks
 * of RFC 1951 3.2.4.
 */
#include "tracebox/bundle.h"

#include "probe/base/alloc.h"
#include "probe/io/host.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAR_BLOCK = 512,
	TAR_CHECKSUM_AT = 148,
	TAR_MAGIC_AT = 257,
	STORED_MAX = 65535,
};

struct buffer {
	uint8_t *bytes;
	size_t length, room;
};

static void add(struct buffer *buffer, const void *bytes, size_t length)
{
	if (buffer->length + length > buffer->room) {
		buffer->room = 2 * (buffer->length + length);
		buffer->bytes = xrealloc(buffer->bytes, buffer->room, 1);
	}
	if (length > 0)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
}

static void add_zeros(struct buffer *buffer, size_t length)
{
	static const uint8_t zeros[TAR_BLOCK];

	for (; length > TAR_BLOCK; length -= TAR_BLOCK)
		add(buffer, zeros, TAR_BLOCK);
	add(buffer, zeros, length);
}

/* The same bytes for the same contents: no owner, no time. */
static void add_file(struct buffer *tar, const struct bundle_file *file)
{
	static const char magic[8] = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' };
	char header[TAR_BLOCK] = { 0 };
	unsigned int sum = 0;

	assert(strlen(file->name) < 100);
	snprintf(header, 100, "%s", file->name);
	snprintf(header + 100, 8, "%07o", 0644);
	snprintf(header + 108, 8, "%07o", 0);
	snprintf(header + 116, 8, "%07o", 0);
	snprintf(header + 124, 12, "%011zo", file->length);
	snprintf(header + 136, 12, "%011o", 0);
	memset(header + TAR_CHECKSUM_AT, ' ', 8);
	header[156] = '0';
	memcpy(header + TAR_MAGIC_AT, magic, sizeof(magic));
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)header[i];
	snprintf(header + TAR_CHECKSUM_AT, 8, "%06o", sum);
	add(tar, header, TAR_BLOCK);
	add(tar, file->bytes, file->length);
	add_zeros(tar, (TAR_BLOCK - file->length % TAR_BLOCK) % TAR_BLOCK);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void add_le32(struct buffer *buffer, uint32_t value)
{
	uint8_t bytes[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
		(uint8_t)(value >> 24) };

	add(buffer, bytes, sizeof(bytes));
}

static void add_gzip(struct buffer *gzip, const struct buffer *tar)
{
	static const uint8_t header[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

	add(gzip, header, sizeof(header));
	for (size_t at = 0; at < tar->length; at += STORED_MAX) {
		size_t left = tar->length - at, length = left < STORED_MAX ? left : STORED_MAX;
		uint8_t block[5] = { left <= STORED_MAX, (uint8_t)length, (uint8_t)(length >> 8),
			(uint8_t)~length, (uint8_t)(~length >> 8) };

		add(gzip, block, sizeof(block));
		add(gzip, tar->bytes + at, length);
	}
	add_le32(gzip, crc32_of(tar->bytes, tar->length));
	add_le32(gzip, (uint32_t)tar->length);
}

static bool write_file(const char *path, const struct buffer *buffer, struct err *err)
{
	FILE *file = fopen(path, "wb");
	bool ok;

	if (file == NULL)
		return err_set_errno(err, "cannot write %s", path);
	ok = fwrite(buffer->bytes, 1, buffer->length, file) == buffer->length;
	if (fclose(file) == 0 && ok)
		return true;
	err_set_errno(err, "cannot write %s", path);
	host_discard(path);
	return false;
}

bool bundle_write(const char *path, const struct bundle_file *files, size_t count, struct err *err)
{
	struct buffer tar = { 0 }, gzip = { 0 };
	bool ok;

	for (size_t i = 0; i < count; i++)
		add_file(&tar, &files[i]);
	add_zeros(&tar, 2 * TAR_BLOCK);
	add_gzip(&gzip, &tar);
	ok = write_file(path, &gzip, err);
	free(tar.bytes);
	free(gzip.bytes);
	return ok;
}
