/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_param.c - parameters of boxes from text. Decimal fractions are kept as integers: nothing in
 * a run depends on how a machine rounds.
 */
#include "mbtest/box_param.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Text of known length that is being read from its front. */
struct cursor {
	const char *at, *end;
};

struct suffix {
	const char *text;
	int scale; /* power of ten in nanoseconds */
};

static const struct suffix time_suffixes[] = {
	{ "", 6 },
	{ "ms", 6 },
	{ "s", 9 },
	{ "us", 3 },
	{ "ns", 0 },
};

static bool take_digits(struct cursor *in, uint64_t *value, int *count)
{
	*count = 0;
	for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
		if (*value > (UINT64_MAX - 9) / 10)
			return false;
		*value = *value * 10 + (uint64_t)(*in->at - '0');
		++*count;
	}
	return true;
}

/* An exponent as Lua prints small numbers (1e-05); absent is 0. */
static bool take_exponent(struct cursor *in, int *exponent)
{
	uint64_t value = 0;
	bool negative;
	int count;

	*exponent = 0;
	if (in->at == in->end || (*in->at != 'e' && *in->at != 'E'))
		return true;
	in->at++;
	negative = in->at < in->end && *in->at == '-';
	if (in->at < in->end && (*in->at == '-' || *in->at == '+'))
		in->at++;
	if (!take_digits(in, &value, &count) || count == 0 || value > 40)
		return false;
	*exponent = negative ? -(int)value : (int)value;
	return true;
}

static bool scale_up(uint64_t *value, int scale)
{
	for (; scale > 0; scale--) {
		if (*value > UINT64_MAX / 10)
			return false;
		*value *= 10;
	}
	for (; scale < 0; scale++)
		*value /= 10;
	return true;
}

/* A decimal number; digits and power tell its value without rounding: digits * 10^power. */
static bool take_number(struct cursor *in, uint64_t *digits, int *power)
{
	int whole, fraction = 0, exponent;

	*digits = 0;
	if (!take_digits(in, digits, &whole))
		return false;
	if (whole > 0 && in->at < in->end && *in->at == '.') {
		in->at++;
		if (!take_digits(in, digits, &fraction) || fraction == 0)
			return false;
	}
	if (whole == 0 || !take_exponent(in, &exponent))
		return false;
	*power = exponent - fraction;
	return true;
}

static bool rest_is(const struct cursor *in, const char *text)
{
	size_t left = (size_t)(in->end - in->at);

	return strlen(text) == left && memcmp(in->at, text, left) == 0;
}

static bool parse_time(struct cursor in, nsec_t *time)
{
	uint64_t digits;
	int power;
	size_t i;

	if (!take_number(&in, &digits, &power))
		return false;
	for (i = 0; i < sizeof(time_suffixes) / sizeof(time_suffixes[0]); i++) {
		if (rest_is(&in, time_suffixes[i].text)) {
			*time = digits;
			return scale_up(time, power + time_suffixes[i].scale);
		}
	}
	return false;
}

static bool parse_int(struct cursor in, int64_t *value)
{
	bool negative = in.at < in.end && *in.at == '-';
	uint64_t digits = 0;
	int count;

	if (negative)
		in.at++;
	if (!take_digits(&in, &digits, &count) || count == 0 || in.at != in.end)
		return false;
	if (digits > INT64_MAX)
		return false;
	*value = negative ? -(int64_t)digits : (int64_t)digits;
	return true;
}

static bool parse_ratio(struct cursor in, struct ratio *ratio)
{
	uint64_t digits;
	int power;

	if (!take_number(&in, &digits, &power) || in.at != in.end)
		return false;
	if (!scale_up(&digits, power + 6) || digits > 1000000)
		return false;
	ratio->ppm = (uint32_t)digits;
	return true;
}

static bool parse_point(struct cursor in, struct when_point *point)
{
	struct cursor rest = in;
	int count;

	point->unit = POINT_NONE;
	point->value = 0;
	if (in.at == in.end)
		return true;
	if (!take_digits(&rest, &point->value, &count))
		return false;
	if (rest_is(&rest, "B"))
		point->unit = POINT_BYTE;
	else
		point->unit = rest_is(&rest, "") ? POINT_PACKET : POINT_TIME;
	if (point->unit == POINT_TIME) /* with its unit: "1.5" is no packet number */
		return in.end[-1] == 's' && parse_time(in, &point->value);
	return count > 0 && (point->unit != POINT_PACKET || point->value > 0);
}

static bool parse_choice(struct cursor in, const char *const *choices, int *choice)
{
	for (*choice = 0; choices[*choice] != NULL; ++*choice) {
		if (rest_is(&in, choices[*choice]))
			return true;
	}
	return false;
}

static bool parse_bool(struct cursor in, bool *value)
{
	*value = rest_is(&in, "true");
	return *value || rest_is(&in, "false");
}

static bool parse_address(struct cursor in, struct addr *addr)
{
	char text[ADDR_TEXT];
	size_t length = (size_t)(in.end - in.at);

	memset(addr, 0, sizeof(*addr));
	if (length >= sizeof(text))
		return false;
	memcpy(text, in.at, length);
	text[length] = '\0';
	return length == 0 || addr_parse(addr, text);
}

static bool parse_text(struct cursor in, struct param_text *text)
{
	size_t length = (size_t)(in.end - in.at);

	if (length > sizeof(text->bytes))
		return false;
	memcpy(text->bytes, in.at, length);
	text->length = (uint16_t)length;
	return true;
}

/* What a value must be, for the sentence that says it is not. */
static void expected(const struct box_param *param, char *buf, size_t size)
{
	size_t used = 0, i;

	switch (param->kind) {
	case PARAM_INT:
		snprintf(buf, size, "a whole number within %" PRId64 "..%" PRId64, param->min,
			param->max);
		break;
	case PARAM_BOOL:
		snprintf(buf, size, "true or false");
		break;
	case PARAM_CHOICE:
		used = (size_t)snprintf(buf, size, "one of");
		for (i = 0; param->choices[i] != NULL && used < size; i++)
			used += (size_t)snprintf(buf + used, size - used, "%s %s", i > 0 ? "," : "",
				param->choices[i]);
		break;
	case PARAM_RATIO:
		snprintf(buf, size, "a number within 0..1");
		break;
	case PARAM_TEXT:
		snprintf(buf, size, "at most 256 bytes");
		break;
	case PARAM_ADDR:
		snprintf(buf, size, "an IPv4 or IPv6 address");
		break;
	case PARAM_TIME:
		snprintf(buf, size, "a time such as \"15ms\" or \"2s\"");
		if (param->max > 0)
			snprintf(buf, size, "a time within %" PRId64 "ms..%" PRId64 "ms",
				param->min / (int64_t)NSEC_PER_MS,
				param->max / (int64_t)NSEC_PER_MS);
		break;
	case PARAM_POINT:
		snprintf(buf, size,
			"a packet number from 1 (\"3\"), a byte (\"20000B\") or a time (\"50ms\")");
		break;
	}
}

static bool parse_value(const struct box_param *param, struct cursor in, void *value)
{
	int64_t *integer = value;
	nsec_t *time = value;

	switch (param->kind) {
	case PARAM_INT:
		return parse_int(in, integer) && *integer >= param->min && *integer <= param->max;
	case PARAM_BOOL:
		return parse_bool(in, value);
	case PARAM_CHOICE:
		return parse_choice(in, param->choices, value);
	case PARAM_RATIO:
		return parse_ratio(in, value);
	case PARAM_TEXT:
		return parse_text(in, value);
	case PARAM_ADDR:
		return parse_address(in, value);
	case PARAM_TIME:
		return parse_time(in, time) &&
			(param->max == 0 ||
				(*time >= (nsec_t)param->min && *time <= (nsec_t)param->max));
	case PARAM_POINT:
		return parse_point(in, value);
	}
	return false;
}

static bool arg_is(const struct box_arg *arg, const struct box_param *param)
{
	return strcmp(arg->name, param->name) == 0;
}

static bool fill_one(const char *box, const struct box_param *param, void *state,
	const struct box_arg *args, size_t arg_count, uint64_t *used, struct err *err)
{
	struct box_arg value = { param->name, param->default_text, 0 };
	char want[256] = "";
	bool given = false;
	struct cursor in;
	size_t i;

	if (param->default_text != NULL)
		value.length = strlen(param->default_text);
	for (i = 0; i < arg_count; i++) {
		if (!arg_is(&args[i], param))
			continue;
		if (given)
			return err_set(err, "box %s: parameter %s is given twice", box,
				param->name);
		given = true;
		value = args[i];
		*used |= (uint64_t)1 << i;
	}
	if (value.text == NULL)
		return err_set(err, "box %s: parameter %s must be given (%s)", box, param->name,
			param->help);
	in.at = value.text;
	in.end = value.text + value.length;
	if (parse_value(param, in, (uint8_t *)state + param->offset))
		return true;
	expected(param, want, sizeof(want));
	return err_set(err, "box %s: parameter %s: \"%.*s\" is not %s", box, param->name,
		(int)(value.length < 60 ? value.length : 60), value.text, want);
}

bool box_params_fill(const char *box, const struct box_param *table, void *state,
	const struct box_arg *args, size_t arg_count, uint64_t *used, struct err *err)
{
	const struct box_param *param;

	if (arg_count > BOX_ARGS)
		return err_set(err, "box %s: more than %d parameters", box, BOX_ARGS);
	for (param = table; param != NULL && param->name != NULL; param++) {
		if (!fill_one(box, param, state, args, arg_count, used, err))
			return false;
	}
	return true;
}
