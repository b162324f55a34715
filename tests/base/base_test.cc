#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/digest.h"
#include "base/duration.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/sizes.h"
#include "base/stop.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "support/temp_dir.h"

namespace drwatch::base {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(StringsTest, NothingThatATerminalObeysIsVisible) {
  EXPECT_EQ(Quote("a\"\\\x1b[31m\n\t\x7f\xff \xc3\xa9"),
            "\"a\\\"\\\\\\x1b[31m\\n\\t\\x7f\\xff \xc3\xa9\"");
  EXPECT_EQ(Visible("a\"\\\x1b[31m\n\xc3\xa9"), "a\"\\\\x1b[31m\\n\xc3\xa9");
  // U+009B is another way to write ESC [.
  EXPECT_EQ(Visible("\xc2\x9b"
                    "1m\xc2\xa0"),
            "\\xc2\\x9b"
            "1m\xc2\xa0");
}

TEST(StringsTest, NothingThatTurnsOrHidesTextIsVisible) {
  for (const std::string hidden :
       {"\xe2\x80\x8b", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa0",
        "\xe2\x81\xa4", "\xe2\x81\xa6", "\xe2\x81\xa9", "\xef\xbb\xbf"}) {
    std::string escaped;
    for (const char c : hidden) escaped += "\\x" + Hex(std::string(1, c));
    EXPECT_EQ(Visible("shop" + hidden + "pmud.dump"), "shop" + escaped + "pmud.dump");
    EXPECT_EQ(Quote(hidden + hidden), "\"" + escaped + escaped + "\"");
  }
  // U+2010, U+2027, U+2029, U+202F, U+205F, U+2065, U+206A and U+FEFE: beside them.
  for (const std::string seen :
       {"\xe2\x80\x90", "\xe2\x80\xa7", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe2\x81\xa5", "\xe2\x81\xaa", "\xef\xbb\xbe", "\xd7\xa9"}) {
    EXPECT_EQ(Visible(seen), seen);
  }
}

TEST(DurationTest, ParsesEveryUnitInFallingOrder) {
  EXPECT_EQ(ParseDuration("1h30m").value(), 1h + std::chrono::minutes(30));
  EXPECT_EQ(ParseDuration("500ms").value(), 500ms);
  EXPECT_EQ(ParseDuration("1y2w3d").value(), (365 + 14 + 3) * 24h);
  EXPECT_EQ(ParseDuration("0").value(), 0s);
}

TEST(DurationTest, RejectsWhatPrometheusRejects) {
  for (const char* text : {"", "1", "s", "-1s", "1.5h", "1m1h", "1s1s", "1 s", "300000y"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(DurationTest, FormatsCanonically) {
  EXPECT_EQ(FormatDuration(90s), "1m30s");
  EXPECT_EQ(FormatDuration(24h), "1d");
  EXPECT_EQ(FormatDuration(25h), "25h");
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(-1500ms), "-1s500ms");
}

TEST(SizesTest, ParsesBinaryAndDecimalUnits) {
  EXPECT_EQ(ParseSize("1MiB").value(), 1 << 20);
  EXPECT_EQ(ParseSize("1.5 kB").value(), 1500);
  EXPECT_EQ(ParseSize("512").value(), 512);
  EXPECT_FALSE(ParseSize("1XB"));
  EXPECT_FALSE(ParseSize("-1"));
  EXPECT_FALSE(ParseSize("9999999TiB"));
}

TEST(StringsTest, FormatsDoublesAsGoDoes) {
  EXPECT_EQ(FormatDouble(1), "1");
  EXPECT_EQ(FormatDouble(0.25), "0.25");
  EXPECT_EQ(FormatDouble(1e21), "1e+21");
  EXPECT_EQ(FormatDouble(1e-7), "1e-07");
  EXPECT_EQ(FormatDouble(123456789), "123456789");
  EXPECT_EQ(FormatDouble(-std::numeric_limits<double>::infinity()), "-Inf");
}

TEST(StringsTest, ParseDoubleTakesInfinitiesAndOverflow) {
  EXPECT_EQ(ParseDouble("+Inf"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(*ParseDouble("NaN")));
  EXPECT_FALSE(ParseDouble("0x10"));
  EXPECT_FALSE(ParseDouble(" 1"));
  EXPECT_FALSE(ParseDouble("+-1"));
}

TEST(StringsTest, TruncatesAtAUtf8Boundary) {
  EXPECT_EQ(Truncate("aaaa\u00e9\u00e9\u00e9", 8), "aaaa...");
  EXPECT_EQ(Truncate("short", 5), "short");
}

TEST(SecretTest, RedactsPasswordsInUrls) {
  EXPECT_EQ(RedactUrl("postgres://me:p@ss@db:5432/x?password=y&sslmode=require"),
            "postgres://me:<secret>@db:5432/x?password=<secret>&sslmode=require");
  EXPECT_EQ(RedactUrl("https://example.com/health"), "https://example.com/health");
}

TEST(DigestTest, KnowsTheEmptyDigest) {
  EXPECT_EQ(Hex(ComputeDigest(DigestAlgorithm::kSha256, "")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ParseDigestName("SHA-256"), DigestAlgorithm::kSha256);
}

TEST(FileTest, WritesAtomicallyAndReadsBack) {
  const testing::TempDir dir;
  const std::string path = dir.Path("state");
  ASSERT_TRUE(WriteFileAtomically(path, "one"));
  ASSERT_TRUE(WriteFileAtomically(path, "two"));
  EXPECT_EQ(ReadFile(path).value(), "two");
  EXPECT_FALSE(ReadFile(path, 2));
  EXPECT_NE(ReadFile(dir.Path("missing")).error().message.find("no such file"), std::string::npos);
}

TEST(FileTest, WritesForItsOwnerOrForWhomTheUmaskLets) {
  const testing::TempDir dir;
  const auto mode_of = [&](Readers readers) {
    const std::string path = dir.Path("state");
    const mode_t before = ::umask(027);
    EXPECT_TRUE(WriteFileAtomically(path, "text", readers));
    ::umask(before);
    struct stat info = {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 0777U;
  };
  EXPECT_EQ(mode_of(Readers::kOwner), 0600U);
  EXPECT_EQ(mode_of(Readers::kByUmask), 0640U);
  EXPECT_EQ(mode_of(Readers::kOwner), 0600U) << "whatever the one before it had";
}

TEST(FileTest, LeavesNothingBesideWhatItCannotReplace) {
  const testing::TempDir dir;
  ASSERT_TRUE(MakeFolders(dir.Path("folder/full")));
  const Status written = WriteFileAtomically(dir.Path("folder"), "text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "cannot write " + Quote(dir.Path("folder")) + ": is a directory");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(StopTest, AStopEndsTheWait) {
  const StopSource source;
  const StopToken token = source.token();
  EXPECT_FALSE(token.Wait(Deadline::After(1ms)));
  source.RequestStop();
  EXPECT_TRUE(token.Wait(Deadline::After(1h)));
}

}  // namespace
}  // namespace drwatch::base
