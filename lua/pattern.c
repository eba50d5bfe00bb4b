/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern.c - see pattern.h. A pattern is matched as it is read: each item is tried at a place of
 * the subject, and what follows it at the places where the item may end.
 */
#include "lua/pattern.h"

#include "lua/state.h"

#include <lauxlib.h>

#include <ctype.h>
#include <string.h>

enum { DEPTH = 200 }; /* of items that wait for what follows them */

static const char *match_rest(struct matcher *m, const char *at, const char *pattern);

/* ---- one character ---- */

/* Behind the item at pattern that stands for one character. */
static const char *item_end(struct matcher *m, const char *pattern)
{
	bool first = true;

	if (*pattern == '%') {
		if (pattern + 1 == m->pattern_end)
			luaL_error(m->L, "malformed pattern (ends with '%%')");
		return pattern + 2;
	}
	if (*pattern != '[')
		return pattern + 1;
	pattern++;
	if (pattern < m->pattern_end && *pattern == '^')
		pattern++;
	for (; pattern < m->pattern_end; first = false) {
		if (*pattern == ']' && !first)
			return pattern + 1;
		pattern += *pattern == '%' && pattern + 1 < m->pattern_end ? 2 : 1;
	}
	luaL_error(m->L, "malformed pattern (missing ']')");
	return NULL;
}

/* Whether a character is of a class such as %a; of %A when it is not. */
static bool of_class(int letter, int class)
{
	static const struct {
		char name;
		int (*is)(int letter);
	} classes[] = { { 'a', isalpha }, { 'c', iscntrl }, { 'd', isdigit }, { 'g', isgraph },
		{ 'l', islower }, { 'p', ispunct }, { 's', isspace }, { 'u', isupper },
		{ 'w', isalnum }, { 'x', isxdigit } };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i].name == tolower(class))
			return (classes[i].is(letter) != 0) == (islower(class) != 0);
	return letter == class;
}

/* Whether a character is in the set [...] that ends before end. */
static bool of_set(int letter, const char *set, const char *end)
{
	bool wanted = true;

	set++;
	end--; /* at the ']' */
	if (*set == '^') {
		wanted = false;
		set++;
	}
	while (set < end) {
		if (*set == '%' && set + 1 < end) {
			if (of_class(letter, (unsigned char)set[1]))
				return wanted;
			set += 2;
		} else if (set + 2 < end && set[1] == '-') {
			if ((unsigned char)set[0] <= letter && letter <= (unsigned char)set[2])
				return wanted;
			set += 3;
		} else {
			if ((unsigned char)*set == letter)
				return wanted;
			set++;
		}
	}
	return !wanted;
}

/* Whether the character at a place is what the item from pattern to end stands for. */
static bool is_one(struct matcher *m, const char *at, const char *pattern, const char *end)
{
	int letter;

	script_spend(m->L, 1);
	if (at >= m->end)
		return false;
	letter = (unsigned char)*at;
	switch (*pattern) {
	case '.':
		return true;
	case '%':
		return of_class(letter, (unsigned char)pattern[1]);
	case '[':
		return of_set(letter, pattern, end);
	default:
		return letter == (unsigned char)*pattern;
	}
}

/* ---- items of several ---- */

static const char *match_many(struct matcher *m, const char *at, const char *pattern,
	const char *end, size_t least)
{
	size_t count = 0;

	while (is_one(m, at + count, pattern, end))
		count++;
	for (; count + 1 > least; count--) {
		const char *found = match_rest(m, at + count, end + 1);

		if (found != NULL || count == 0)
			return found;
	}
	return NULL;
}

static const char *match_few(struct matcher *m, const char *at, const char *pattern,
	const char *end)
{
	for (;;) {
		const char *found = match_rest(m, at, end + 1);

		if (found != NULL)
			return found;
		if (!is_one(m, at, pattern, end))
			return NULL;
		at++;
	}
}

/* %bxy */
static const char *match_balance(struct matcher *m, const char *at, const char *pattern)
{
	size_t open = 1;

	if (pattern + 3 >= m->pattern_end)
		luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
	if (at == m->end || *at != pattern[2])
		return NULL;
	for (at++; at < m->end; at++) {
		script_spend(m->L, 1);
		if (*at == pattern[3])
			open--;
		else if (*at == pattern[2])
			open++;
		if (open == 0)
			return match_rest(m, at + 1, pattern + 4);
	}
	return NULL;
}

/* %f[set] */
static const char *match_frontier(struct matcher *m, const char *at, const char *pattern)
{
	int before = at == m->subject ? 0 : (unsigned char)at[-1];
	int here = at == m->end ? 0 : (unsigned char)*at;
	const char *end;

	pattern += 2;
	if (pattern >= m->pattern_end || *pattern != '[')
		luaL_error(m->L, "missing '[' after '%%f' in pattern");
	end = item_end(m, pattern);
	if (of_set(before, pattern, end) || !of_set(here, pattern, end))
		return NULL;
	return match_rest(m, at, end);
}

/* ---- captures ---- */

static const char *match_open(struct matcher *m, const char *at, const char *pattern)
{
	bool is_place = pattern + 1 < m->pattern_end && pattern[1] == ')';
	const char *found;

	if (m->count == PATTERN_CAPTURES)
		luaL_error(m->L, "too many captures");
	m->captures[m->count++] = (struct capture){ at, is_place ? at : NULL, is_place };
	found = match_rest(m, at, pattern + (is_place ? 2 : 1));
	if (found == NULL)
		m->count--;
	return found;
}

static const char *match_close(struct matcher *m, const char *at, const char *pattern)
{
	int index = m->count - 1;
	const char *found;

	while (index >= 0 && m->captures[index].end != NULL)
		index--;
	if (index < 0)
		luaL_error(m->L, "invalid pattern capture");
	m->captures[index].end = at;
	found = match_rest(m, at, pattern + 1);
	if (found == NULL)
		m->captures[index].end = NULL;
	return found;
}

/* %1: what a capture has found, again. */
static const char *match_again(struct matcher *m, const char *at, const char *pattern)
{
	int index = pattern[1] - '1';
	size_t length;

	if (index < 0 || index >= m->count || m->captures[index].end == NULL)
		luaL_error(m->L, "invalid capture index %%%d", index + 1);
	length = (size_t)(m->captures[index].end - m->captures[index].first);
	script_spend(m->L, length);
	if (m->captures[index].is_place || (size_t)(m->end - at) < length ||
		memcmp(m->captures[index].first, at, length) != 0)
		return NULL;
	return match_rest(m, at + length, pattern + 2);
}

/* ---- a pattern ---- */

/* An item for one character, and how often it may stand there. */
static const char *match_item(struct matcher *m, const char *at, const char *pattern)
{
	const char *end = item_end(m, pattern), *found;

	switch (end < m->pattern_end ? *end : '\0') {
	case '*':
		return match_many(m, at, pattern, end, 0);
	case '+':
		return match_many(m, at, pattern, end, 1);
	case '-':
		return match_few(m, at, pattern, end);
	case '?':
		found = is_one(m, at, pattern, end) ? match_rest(m, at + 1, end + 1) : NULL;
		return found != NULL ? found : match_rest(m, at, end + 1);
	default:
		return is_one(m, at, pattern, end) ? match_rest(m, at + 1, end) : NULL;
	}
}

/* Whether an item is more than one character: what it is, else 0. */
static char special(const struct matcher *m, const char *pattern)
{
	bool last = pattern + 1 == m->pattern_end;

	switch (*pattern) {
	case '(':
	case ')':
		return *pattern;
	case '$':
		return last ? '$' : '\0';
	case '%':
		if (last)
			return '\0';
		if (isdigit((unsigned char)pattern[1]))
			return '1';
		if (pattern[1] == 'b' || pattern[1] == 'f')
			return pattern[1];
		return '\0';
	default:
		return '\0';
	}
}

/* Past items that are one character and no more or less, for which nothing waits; NULL: not here.
 */
static const char *skip_plain(struct matcher *m, const char **at, const char *pattern)
{
	while (pattern < m->pattern_end && special(m, pattern) == '\0') {
		const char *end = item_end(m, pattern);

		if (end < m->pattern_end && memchr("*+-?", *end, 4) != NULL)
			break;
		if (!is_one(m, *at, pattern, end))
			return NULL;
		++*at;
		pattern = end;
	}
	return pattern;
}

static const char *match_special(struct matcher *m, const char *at, const char *pattern)
{
	switch (special(m, pattern)) {
	case '(':
		return match_open(m, at, pattern);
	case ')':
		return match_close(m, at, pattern);
	case '$':
		return at == m->end ? at : NULL;
	case 'b':
		return match_balance(m, at, pattern);
	case 'f':
		return match_frontier(m, at, pattern);
	case '1':
		return match_again(m, at, pattern);
	default:
		return match_item(m, at, pattern);
	}
}

/* The end of what the rest of a pattern matches from a place on; NULL when it does not. */
static const char *match_rest(struct matcher *m, const char *at, const char *pattern)
{
	const char *found;

	script_spend(m->L, 1);
	if (m->depth == DEPTH)
		luaL_error(m->L, "pattern too complex");
	m->depth++;
	pattern = skip_plain(m, &at, pattern);
	if (pattern == NULL)
		found = NULL;
	else if (pattern == m->pattern_end)
		found = at;
	else
		found = match_special(m, at, pattern);
	m->depth--;
	return found;
}

const char *pattern_match(struct matcher *m, const char *at, const char *pattern)
{
	m->count = m->depth = 0;
	return match_rest(m, at, pattern);
}
