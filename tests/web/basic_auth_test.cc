#include "web/basic_auth.h"

#include <gtest/gtest.h>

#include <chrono>

namespace drwatch::web {
namespace {

std::string Base64(const std::string& bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j > bytes.size() ? '=' : kAlphabet[bits >> (18 - 6 * j) & 63];
    }
  }
  return text;
}

std::string Header(const std::string& user, const std::string& password) {
  return "Basic " + Base64(user + ":" + password);
}

// Of "secret", "pass:word" and nothing.
const BasicAuth::Users kUsers = {
    {"ann", base::Secret("$2y$04$OOCGkeHMp2ihXyNjSSTT1.kOXqtciFNCe4YMg2l0gBqKgNvtpfVyC")},
    {"bob", base::Secret("$2a$04$ybrWYT6SYqCf5wzIFHNsLe1NBK5ZK9omj/uMwpnNTniMMGjN53EV.")},
    {"eve", base::Secret("$2b$04$Gux8QX161KZ2WlnzYq4h6ex9G2KLGzvQX1hUBN8GDGauGd.EelOBu")}};

TEST(BasicAuthTest, TakesEachKindOfHash) {
  BasicAuth auth;
  EXPECT_EQ(auth.Check(kUsers, Header("ann", "secret")), "ann");
  EXPECT_EQ(auth.Check(kUsers, Header("bob", "pass:word")), "bob");
  EXPECT_EQ(auth.Check(kUsers, Header("eve", "")), "eve");
  EXPECT_EQ(auth.Check(kUsers, "bAsIc   " + Base64("ann:secret")), "ann");
}

TEST(BasicAuthTest, RefusesEverythingElse) {
  BasicAuth auth;
  ASSERT_EQ(auth.Check(kUsers, Header("ann", "secret")), "ann");
  for (const std::string& header :
       {std::string(), std::string("Basic"), std::string("Basic "), std::string("Bearer abc"),
        std::string("Basic %%%%"), "Basic " + Base64("ann"), Header("ann", "Secret"),
        Header("ann", "secret "), Header("ann", ""), Header("bob", "secret"),
        Header("nobody", "secret"), Header("", "secret"), Header("ann", std::string("secret\0", 7)),
        Header("ann", std::string("secret\0x", 8)), Header("ann", std::string(5000, 'x')),
        Header("ann", "secret") + "A"}) {
    EXPECT_FALSE(auth.Check(kUsers, header)) << header;
  }
  EXPECT_FALSE(auth.Check({}, Header("ann", "secret"))) << "nobody is known";
}

TEST(BasicAuthTest, AChangedHashIsAChangedPassword) {
  BasicAuth auth;
  ASSERT_EQ(auth.Check(kUsers, Header("ann", "secret")), "ann");
  const BasicAuth::Users changed = {{"ann", kUsers[1].second}};
  EXPECT_FALSE(auth.Check(changed, Header("ann", "secret")));
  EXPECT_EQ(auth.Check(changed, Header("ann", "pass:word")), "ann");
}

TEST(BasicAuthTest, HashesARightPasswordOnce) {
  BasicAuth auth;
  const BasicAuth::Users slow = {
      {"ann", base::Secret("$2b$10$SKU6M9ql80sSyVMxd35PmOuu4moVIynn2TVG3EaC0utmXTJ7DuuvG")}};
  const auto took = [&] {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(auth.Check(slow, Header("ann", "secret")), "ann");
    return std::chrono::steady_clock::now() - begin;
  };
  const auto first = took();
  auto next = took();
  for (int i = 0; i < 5; ++i) next = std::min(next, took());
  EXPECT_LT(next * 10, first);
}

}  // namespace
}  // namespace drwatch::web
