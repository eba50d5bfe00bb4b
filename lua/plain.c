/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plain.c - see plain.h. The text has been compiled, so it is known to be Lua: its words are told
 * apart no further than the questions need.
 */
#include "lua/plain.h"

#include "lua/state.h"

#include <ctype.h>
#include <string.h>

/* No text compiles to more instructions than this a byte. */
enum { STEPS_A_BYTE = 8 };

/* A name, or one character: an operator is several words, a string is ", a number its first digit.
 */
struct word {
	const char *text;
	size_t length;
};

struct reader {
	const char *at, *end;
	struct word last[3]; /* those before this one, the latest first */
	int brackets;        /* open ones of all kinds */
	int blocks;          /* open ones; a function is the outermost */
	int place;          /* how many words after "function", in its list of parameters; else 0 */
	struct word packet; /* the name of its second parameter */
	bool keeps;         /* it may keep what it is told in that, or hand it on */
};

/* ---- words ---- */

static char ahead(const struct reader *reader, size_t offset)
{
	if (offset < (size_t)(reader->end - reader->at))
		return reader->at[offset];
	return '\0';
}

static void skip(struct reader *reader, size_t length)
{
	size_t left = (size_t)(reader->end - reader->at);

	reader->at += length < left ? length : left;
}

/* Length of [[, [==[, ]] or ]==] here, made of this bracket; 0: there is none. */
static size_t long_bracket(const struct reader *reader, char bracket)
{
	size_t length = 1;

	if (ahead(reader, 0) != bracket)
		return 0;
	while (ahead(reader, length) == '=')
		length++;
	return ahead(reader, length) == bracket ? length + 1 : 0;
}

static bool skip_long_string(struct reader *reader)
{
	size_t length = long_bracket(reader, '[');

	if (length == 0)
		return false;
	skip(reader, length);
	while (reader->at < reader->end && long_bracket(reader, ']') != length)
		skip(reader, 1);
	skip(reader, length);
	return true;
}

static void skip_quoted(struct reader *reader)
{
	char quote = ahead(reader, 0);

	skip(reader, 1);
	while (reader->at < reader->end && ahead(reader, 0) != quote)
		skip(reader, ahead(reader, 0) == '\\' ? 2 : 1);
	skip(reader, 1);
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void skip_number(struct reader *reader)
{
	bool hex = ahead(reader, 0) == '0' && tolower((unsigned char)ahead(reader, 1)) == 'x';
	char exponent = hex ? 'p' : 'e';

	while (in_name(ahead(reader, 0)) || ahead(reader, 0) == '.') {
		bool is_signed = tolower((unsigned char)ahead(reader, 0)) == exponent &&
			(ahead(reader, 1) == '-' || ahead(reader, 1) == '+');

		skip(reader, is_signed ? 2 : 1);
	}
}

static void skip_space(struct reader *reader)
{
	for (;;) {
		while (isspace((unsigned char)ahead(reader, 0)))
			skip(reader, 1);
		if (ahead(reader, 0) != '-' || ahead(reader, 1) != '-')
			return;
		skip(reader, 2);
		if (skip_long_string(reader))
			continue;
		while (reader->at < reader->end && ahead(reader, 0) != '\n')
			skip(reader, 1);
	}
}

/* False at the end. */
static bool next_word(struct reader *reader, struct word *word)
{
	char c;

	skip_space(reader);
	if (reader->at == reader->end)
		return false;
	*word = (struct word){ reader->at, 1 };
	c = ahead(reader, 0);
	if (isdigit((unsigned char)c)) {
		skip_number(reader);
	} else if (in_name(c)) {
		while (in_name(ahead(reader, 0)))
			skip(reader, 1);
		word->length = (size_t)(reader->at - word->text);
	} else if (c == '"' || c == '\'') {
		skip_quoted(reader);
		word->text = "\"";
	} else if (skip_long_string(reader)) {
		word->text = "\"";
	} else {
		skip(reader, 1);
	}
	return true;
}

static bool is(const struct word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

static bool is_one_of(const struct word *word, const char *const *texts)
{
	for (; *texts != NULL; texts++) {
		if (is(word, *texts))
			return true;
	}
	return false;
}

/* ---- what they say ---- */

/* Whether "function" here is the value of a field of the outermost table. */
static bool is_of_box(const struct reader *reader)
{
	static const char *const names[] = { "init", "packet", "wake", NULL };

	return reader->brackets == 1 && reader->blocks == 0 && is(&reader->last[0], "=") &&
		is_one_of(&reader->last[1], names);
}

/* ( self , packet: the second of the names is the fourth of the words. */
static void read_parameter(struct reader *reader, const struct word *word)
{
	if (is(word, "."))
		reader->keeps = true;
	if (reader->place == 4 && in_name(*word->text))
		reader->packet = *word;
	reader->place = is(word, ")") ? 0 : reader->place + 1;
}

/* Whether the word before is the packet, and this one does not go into it. */
static bool keeps_packet(const struct reader *reader, const struct word *word)
{
	static const char *const inwards[] = { ".", ":", "[", NULL };
	const struct word *last = reader->last;
	bool is_field = is(&last[1], ":") || (is(&last[1], ".") && !is(&last[2], "."));

	if (reader->blocks == 0 || reader->packet.length == 0 ||
		last[0].length != reader->packet.length ||
		memcmp(last[0].text, reader->packet.text, reader->packet.length) != 0 || is_field)
		return false;
	return !is_one_of(word, inwards) || (is(word, ".") && ahead(reader, 0) == '.');
}

/* False when what follows may take as long as it likes. */
static bool read_word(struct reader *reader, const struct word *word)
{
	static const char *const lasting[] = { "while", "for", "repeat", NULL };
	static const char *const opening[] = { "{", "(", "[", NULL };
	static const char *const closing[] = { "}", ")", "]", NULL };

	/* A label is there for goto. */
	if (is_one_of(word, lasting) || (is(word, ":") && ahead(reader, 0) == ':'))
		return false;
	if (is(word, "function") && !is_of_box(reader))
		return false;
	if (reader->place > 0)
		read_parameter(reader, word);
	else if (keeps_packet(reader, word))
		reader->keeps = true;
	if (is(word, "function")) {
		reader->place = 1;
		reader->packet.length = 0;
	}
	reader->brackets += is_one_of(word, opening) - is_one_of(word, closing);
	reader->blocks += is(word, "function") || is(word, "if") || is(word, "do");
	reader->blocks -= is(word, "end");
	return true;
}

struct plain plain_read(const char *text, size_t length)
{
	struct reader reader = { .at = text, .end = text + length };
	struct word word;
	size_t count;

	if (length > SCRIPT_STEPS_BOX / STEPS_A_BYTE)
		return (struct plain){ 0 };
	for (count = 0; next_word(&reader, &word); count++) {
		if ((count == 0 && !is(&word, "return")) || (count == 1 && !is(&word, "{")) ||
			!read_word(&reader, &word))
			return (struct plain){ 0 };
		reader.last[2] = reader.last[1];
		reader.last[1] = reader.last[0];
		reader.last[0] = word;
	}
	return (struct plain){ .ends = count > 1, .lets_go = count > 1 && !reader.keeps };
}
