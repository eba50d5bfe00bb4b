/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys, tokens, IDSNs and HMACs against fixed vectors (computed with hashlib and hmac, and taken
 * from packets of a Linux 6.18 stack).
 */
#include "probe/endpoint/key.h"
#include "probe/wire/addr.h"
#include "tests/unit/unit.h"

#define KEY_A 0x0123456789abcdefu
#define KEY_B 0xfedcba9876543210u

TEST(key_digest_v0)
{
	CHECK_U64(key_digest(0, KEY_A).token, 0x0ca2eadbu);
	CHECK_U64(key_digest(0, KEY_A).idsn, 0xe3df8ee121f10547u);
	CHECK_U64(key_digest(0, KEY_B).token, 0xa5be6871u);
	CHECK_U64(key_digest(0, KEY_B).idsn, 0x334fc234bee495cau);
}

TEST(key_digest_v1)
{
	CHECK_U64(key_digest(1, KEY_A).token, 0x55c53f5du);
	CHECK_U64(key_digest(1, KEY_A).idsn, 0x570762cd38be9818u);
	CHECK_U64(key_digest(1, KEY_B).token, 0x18f9781bu);
	CHECK_U64(key_digest(1, KEY_B).idsn, 0x280818bf0fa7e28eu);
}

TEST(key_digest_kernel)
{
	CHECK_U64(key_digest(1, 0xee0c2f13bf108a2au).token, 0xa4058f02u);
	CHECK_U64(key_digest(1, 0xee0c2f13bf108a2au).idsn, 0x28e47c96226eb292u);
	CHECK_U64(key_digest(1, 0xc487991a47a02143u).token, 0xc2960aeeu);
}

TEST(key_join_hmac_both_versions)
{
	uint8_t hmac[20];

	key_join_hmac(0, KEY_A, KEY_B, 0x11223344u, 0xaabbccddu, hmac);
	CHECK_HEX(hmac, 20, "73f372c7fb45d80f5ac7adb91baca5c87b0c783d");
	key_join_hmac(1, KEY_A, KEY_B, 0x11223344u, 0xaabbccddu, hmac);
	CHECK_HEX(hmac, 20, "f61753d6b8ac227764b9d1b17a6f5ceeec9d1a8a");
	key_join_hmac(0, KEY_B, KEY_A, 0xaabbccddu, 0x11223344u, hmac);
	CHECK_U64(key_join_hmac64(hmac), 0x327e3a27097c3dc0u);
	key_join_hmac(1, KEY_B, KEY_A, 0xaabbccddu, 0x11223344u, hmac);
	CHECK_U64(key_join_hmac64(hmac), 0x3bae5abc810a33c2u);
}

TEST(key_join_hmac_kernel)
{
	uint8_t hmac[20];

	key_join_hmac(1, 0xee0c2f13bf108a2au, 0xc487991a47a02143u, 0x2fa8c5b8u, 0x60cd4c5bu, hmac);
	CHECK_HEX(hmac, 20, "4cf18cf8a0a32c5ccc3a51c5e7809976bed0963d");
	key_join_hmac(1, 0xc487991a47a02143u, 0xee0c2f13bf108a2au, 0x60cd4c5bu, 0x2fa8c5b8u, hmac);
	CHECK_U64(key_join_hmac64(hmac), 0xbe20cbc6c9290527u);
}

TEST(key_add_addr_hmac_all_forms)
{
	struct addr four = addr_v4(198, 18, 32, 2), six;

	CHECK_U64(key_add_addr_hmac(KEY_B, KEY_A, 5, &four, 0), 0x8533b096749b1bf8u);
	CHECK_U64(key_add_addr_hmac(KEY_B, KEY_A, 6, &four, 5005), 0x6cdf66bdef16e6acu);
	CHECK(addr_parse(&six, "fd00:32::2"));
	CHECK_U64(key_add_addr_hmac(KEY_B, KEY_A, 7, &six, 0), 0xd1ed83a3e6c97671u);
	CHECK(addr_parse(&six, "fd00:32::2"));
	CHECK_U64(key_add_addr_hmac(KEY_B, KEY_A, 8, &six, 5006), 0x2de4b6e6d0b82469u);
}

TEST(key_equal_compares_all_bytes)
{
	CHECK(key_equal("abcd", "abcd", 4));
	CHECK(!key_equal("abcd", "abce", 4));
	CHECK(key_equal("abcd", "abce", 3));
}
