/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/base/json_text.h"

static void check_text(struct json_text *json, const char *want)
{
	char got[512] = "";

	for (size_t i = 0; i < json->used && i + 1 < sizeof(got); i++)
		got[i] = json->bytes[i];
	CHECK_TEXT(got, want);
	json_text_fini(json);
}

TEST(members_are_set_apart)
{
	struct json_text json;

	json_text_init(&json);
	json_open_object(&json, NULL);
	json_put_number(&json, "a", -12);
	json_open_array(&json, "b");
	json_close_array(&json);
	json_open_array(&json, "c");
	json_put_bool(&json, NULL, true);
	json_put_bool(&json, NULL, false);
	json_open_object(&json, NULL);
	json_close_object(&json);
	json_put_null(&json, NULL);
	json_close_array(&json);
	json_put_text(&json, "d", NULL);
	json_put_text(&json, "e", "");
	json_close_object(&json);
	check_text(&json, "{\"a\":-12,\"b\":[],\"c\":[true,false,{},null],\"d\":null,\"e\":\"\"}");
}

TEST(numbers_and_times)
{
	struct json_text json;

	json_text_init(&json);
	json_open_array(&json, NULL);
	json_put_number(&json, NULL, 0);
	json_put_number(&json, NULL, INT64_MAX);
	json_put_number(&json, NULL, INT64_MIN);
	json_put_milliseconds(&json, NULL, 0);
	json_put_milliseconds(&json, NULL, 50 * NSEC_PER_MS + 7 * NSEC_PER_US + 999);
	json_close_array(&json);
	check_text(&json, "[0,9223372036854775807,-9223372036854775808,0.000,50.007]");
}

/* RFC 8259 7, RFC 3629 3 and 4. */
TEST(strings_are_escaped_and_no_utf8_is_passed_on)
{
	struct json_text json;

	json_text_init(&json);
	json_open_array(&json, NULL);
	json_put_text(&json, NULL, "a\"b\\c\n\x01\x1f\x7f");
	json_put_text(&json, NULL, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\x8d");
	json_put_text(&json, NULL,
		"\xff|\xc3|\xc0\xaf|\xed\xa0\x80|\xe0\x80\x80|\xf4\x90\x80\x80|\xe2\x82");
	json_close_array(&json);
	check_text(&json,
		"[\"a\\\"b\\\\c\\u000a\\u0001\\u001f\x7f\","
		"\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\x8d\","
		"\"?|?|??|???|???|????|??\"]");
}

TEST(a_long_text_grows)
{
	struct json_text json;
	char text[5000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = 'x';
	text[sizeof(text) - 1] = '\0';
	json_text_init(&json);
	json_open_array(&json, NULL);
	json_put_text(&json, NULL, text);
	json_put_text(&json, NULL, text);
	json_close_array(&json);
	CHECK_U64(json.used, 2 * (sizeof(text) - 1) + 7);
	CHECK(json.bytes[json.used - 1] == ']' && json.room >= json.used);
	json_text_fini(&json);
}
