// Encrypted files. The samples were made by GnuPG (testdata/verify/make_openpgp.sh).
#include "verify/encrypted.h"

#include <gtest/gtest.h>

#include "samples.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// WalkBytes() calls intact what is not broken.
TEST(EncryptedTest, AMessageOfOpenPgpThatIsCutOffShows) {
  for (const char* name : {"openpgp/parts.gpg", "openpgp/file.gpg", "openpgp/old.gpg"}) {
    const std::string whole = Sample(name);
    const Verdict verdict = WalkBytes(whole, "shop.dump.gpg");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << name << ": " << verdict.ToString();
    EXPECT_EQ(verdict.format, "encrypted (OpenPGP)");
    for (std::size_t size = 100; size < whole.size(); ++size) {
      const Verdict cut = WalkBytes(std::string_view(whole).substr(0, size), "shop.dump.gpg");
      ASSERT_EQ(cut.reason, Reason::kIncomplete) << name << " " << size;
      ASSERT_EQ(cut.message, "ends in the encrypted data of an OpenPGP message");
    }
  }
}

TEST(EncryptedTest, InLettersItHasALastLine) {
  const std::string whole = Sample("openpgp/letters.asc");
  EXPECT_EQ(WalkBytes(whole, "shop.dump.asc").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(whole + "\n", "shop.dump.asc").outcome, Outcome::kIntact);
  for (const std::size_t left_out : {2, 10, 1000, 9000}) {
    const Verdict cut = WalkBytes(whole.substr(0, whole.size() - left_out), "shop.dump.asc");
    EXPECT_EQ(cut.reason, Reason::kIncomplete) << left_out;
    EXPECT_EQ(cut.message, "ends without its last line, \"-----END PGP MESSAGE-----\"");
  }
}

TEST(EncryptedTest, WhatLooksLikeAMessageAndIsNoneIsLeftAlone) {
  // A session key, and what is no packet behind it; or a key that is longer than the file.
  for (const std::string& bytes :
       {std::string("\x8c\x04\x04") + "abc" + Noise(300), std::string("\x8c\xff\x04") + "abc",
        std::string("\xc3\x04\x04") + "abc" + "\xff\xff" + Noise(300)}) {
    EXPECT_EQ(WalkBytes(bytes, "keys.bin").outcome, Outcome::kIntact);
  }
  EXPECT_EQ(WalkBytes(std::string("\x8c\x04\x04") + "abc", "keys.bin").reason, Reason::kIncomplete);
}

}  // namespace
}  // namespace drwatch::verify
