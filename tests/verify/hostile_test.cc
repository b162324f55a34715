// What a broken or hostile source may leave where backups lie: each ends soon, with a reason.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/strings.h"
#include "samples.h"
#include "support/as_nobody.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// Longer texts than this have no place in a message.
constexpr std::size_t kMaxTextBytes = 2000;

void EndsWithAReason(const Verdict& verdict, const std::string& what) {
  EXPECT_NE(verdict.outcome, Outcome::kIntact) << what;
  EXPECT_NE(verdict.reason, Reason::kNone) << what;
  EXPECT_NE(verdict.message, "") << what;
  EXPECT_LT(verdict.ToString().size(), kMaxTextBytes) << what;
  for (const std::string& detail : verdict.details) EXPECT_LT(detail.size(), kMaxTextBytes) << what;
}

TEST(HostileTest, LinksThatLeadOutOfAnArchiveAreTold) {
  const auto through = [](const std::vector<TarEntry>& entries) {
    std::string bytes;
    for (const TarEntry& entry : entries) {
      std::string member =
          TarMemberBytes({entry.name, entry.type == '0' ? entry.content : "", entry.type});
      if (entry.type != '0') {
        member.replace(157, entry.content.size(), entry.content);
        std::string header = member.substr(0, 512);
        SetTarChecksum(header);
        member.replace(0, 512, header);
      }
      bytes += member;
    }
    const Verdict verdict = VerifyBytes(bytes + std::string(1024, '\0'), "x.tar");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    for (const std::string& detail : verdict.details) {
      if (detail.find("through links") != detail.npos) return detail.substr(0, detail.find(' '));
    }
    return std::string("0");
  };
  EXPECT_EQ(through({{"a", "/etc", '2'}, {"a/passwd", "x"}, {"./a//b/c", "x"}, {"ab/c", "x"}}),
            "2");
  EXPECT_EQ(through({{"d/a", "../..", '2'}, {"d/a/x", "x"}}), "1");
  EXPECT_EQ(through({{"d/a", "../b/../c", '2'}, {"d/a/x", "x"}}), "0") << "stays inside";
  EXPECT_EQ(through({{"a", "/etc", '2'}, {"a", "x"}, {"a/x", "x"}}), "0") << "it was replaced";
  EXPECT_EQ(through({{"pg_tblspc/1", "/mnt/t", '2'}, {"pg_tblspc/2", "x"}}), "0");
  EXPECT_EQ(through({{"hard", "../../etc/passwd", '1'}}), "1");
  EXPECT_EQ(through({{"hard", "b/c", '1'}}), "0");
  // A long one, in an extension header.
  const std::string target = "/" + std::string(200, 't');
  EXPECT_EQ(VerifyBytes(TarMemberBytes({"././@LongLink", target, 'K'}) +
                            TarMemberBytes({"a", "", '2'}) + Tar({{"a/x", "x"}}),
                        "x.tar")
                .details.back()
                .substr(0, 10),
            "1 members ");
}

TEST(HostileTest, NamesOfTenMegabytes) {
  const std::string name(10 << 20, 'n');
  const std::string record = " path=" + name + "\n";
  const std::string pax = std::to_string(record.size() + 8) + record;
  ASSERT_EQ(pax.size(), record.size() + 8);
  EndsWithAReason(WalkBytes(Tar({{"pax", pax, 'x'}, {"f", "x"}}), "x.tar"), "pax");
  EndsWithAReason(WalkBytes(Tar({{"././@LongLink", name, 'L'}, {"f", "x"}}), "x.tar"), "GNU tar");
  EndsWithAReason(WalkBytes("\x1f\x8b\x08\x08" + std::string(6, '\x01') + name, "x.gz"), "gzip");
  EndsWithAReason(WalkBytes("{\"" + name + "\": 1", "x.json"), "JSON");
  EndsWithAReason(WalkBytes("REDIS0012\xfe\x80\x7f\xff\xff\xff" + name, "x.rdb"), "RDB");
  EndsWithAReason(WalkBytes("*1\r\n$" + name, "x.aof"), "AOF");
  EndsWithAReason(WalkBytes("--\n-- PostgreSQL database dump\n--\n\nCOPY public." + name, "x.sql"),
                  "SQL");
  const testing::TempDir folder;
  folder.Write("aof/appendonly.aof.manifest", "file " + name + " seq 1 type i\n");
  EndsWithAReason(VerifyPath(folder.Path("aof"), {}), "AOF manifest");
  folder.Write("base/PG_VERSION", "15\n");
  const std::string body = R"({ "PostgreSQL-Backup-Manifest-Version": 1, "Files": [{"Path": ")" +
                           name + R"(", "Size": 1}], "WAL-Ranges": [],)" + "\n";
  folder.Write("base/backup_manifest",
               body + "\"Manifest-Checksum\": \"" +
                   base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, body)) + "\"}\n");
  EndsWithAReason(VerifyPath(folder.Path("base"), {}), "manifest");
  folder.Write("list/SHA256SUMS", std::string(64, 'a') + "  " + name + "\n");
  EndsWithAReason(VerifyPath(folder.Path("list/SHA256SUMS"), {}), "checksum list");
}

TEST(HostileTest, ManyWalRanges) {
  std::string body = R"({ "PostgreSQL-Backup-Manifest-Version": 1, "Files": [], "WAL-Ranges": [)";
  const std::string range =
      R"({ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" })";
  for (int i = 0; i < 1000; ++i) body += range + ",\n";
  const testing::TempDir folder;
  folder.Write("base/backup_manifest", body + range + "],\n");
  const Verdict verdict = VerifyPath(folder.Path("base"), {});
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_EQ(verdict.reason, Reason::kLimit);
  EXPECT_EQ(verdict.message, "more than 1000 WAL ranges");
}

TEST(HostileTest, AbsurdLengths) {
  const std::string huge = "\x81\x7f\xff\xff\xff\xff\xff\xff\xff";
  for (const char type : {'\0', '\x01', '\x02', '\x04', '\x0a', '\x12', '\x15'}) {
    EndsWithAReason(WalkBytes("REDIS0012" + std::string(1, type) + "\x01k" + huge, "x.rdb"),
                    "RDB type " + std::to_string(type));
  }
  EndsWithAReason(WalkBytes("REDIS0012" + std::string(1, '\0') + huge, "x.rdb"), "RDB key");
  for (const char* text :
       {"*9223372036854775807\r\n$1\r\nx\r\n", "*1\r\n$9223372036854775807\r\nx\r\n",
        "*1\r\n$-1\r\nx\r\n", "*-2\r\n", "*1\r\n$99999999999999999999999\r\nx\r\n"}) {
    EndsWithAReason(WalkBytes(std::string("*1\r\n$4\r\nPING\r\n") + text, "x.aof"), text);
  }
}

TEST(HostileTest, BombsAreALimit) {
  // gzip packed twice: a thousand times a thousand, with something else than zeros at the end.
  std::string inner;
  const std::string piece = Gzip(std::string(64 << 20, '\0'));
  for (int i = 0; i < 80; ++i) inner += piece;
  const std::string bomb = Gzip(inner);
  EXPECT_LT(bomb.size(), 200'000u);
  const Verdict verdict = WalkBytes(bomb, "x.dump.gz.gz");
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << verdict.ToString();
  EXPECT_EQ(verdict.reason, Reason::kLimit) << verdict.ToString();
}

TEST(HostileTest, SparseFilesOfAnySize) {
  const testing::TempDir folder;
  const std::string path = folder.Write("x.dump", "");
  ASSERT_EQ(::truncate(path.c_str(), std::int64_t{8} << 40), 0);
  VerifyOptions options;
  options.deadline = base::Deadline::After(std::chrono::milliseconds(200));
  const Verdict hole = VerifyPath(path, options);
  EXPECT_EQ(hole.outcome, Outcome::kBroken) << hole.ToString();
  EXPECT_EQ(hole.reason, Reason::kCorrupt);
  EXPECT_LT(hole.bytes_read, 1 << 20);
  // With something at its end, and in the middle.
  std::filesystem::resize_file(path, std::int64_t{1} << 40);
  std::ofstream(path, std::ios::app) << 'x';
  EXPECT_EQ(VerifyPath(path, options).reason, Reason::kUnverified);
  std::filesystem::resize_file(path, std::int64_t{1} << 40);
  std::fstream middle(path, std::ios::in | std::ios::out);
  middle.seekp(std::int64_t{1} << 39) << std::string(5000, '\0') << std::flush;
  EXPECT_EQ(VerifyPath(path, options).reason, Reason::kCorrupt);
  // Behind what is packed.
  const std::string packed = folder.Write("x.txt.gz", Gzip("text"));
  std::filesystem::resize_file(packed, std::int64_t{1} << 43);
  EXPECT_EQ(VerifyPath(packed, options).outcome, Outcome::kIntact);
}

TEST(HostileTest, SpecialFilesInAFolder) {
  const testing::TempDir folder;
  folder.Write("d/a.json", "{}");
  ASSERT_EQ(::mkfifo(folder.Path("d/fifo.json").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/zero", folder.Path("d/zero.json"));
  std::filesystem::create_symlink("nowhere", folder.Path("d/gone.json"));
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome, Outcome::kIntact);
  const Verdict dangling = VerifyPath(folder.Path("d/gone.json"), {});
  EXPECT_EQ(dangling.outcome, Outcome::kUnjudged);
  EXPECT_EQ(dangling.reason, Reason::kNotFound);
  const std::string path = folder.Path("socket.dump");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(listener);
  const Verdict socket = VerifyPath(path, {});
  EXPECT_EQ(socket.outcome, Outcome::kUnjudged);
  EXPECT_EQ(socket.reason, Reason::kWrongFormat);
}

TEST(HostileTest, WhatMayNotBeReadIsNotJudged) {
  const testing::TempDir folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const std::string file = folder.Write("d/a.json", "{}");
  folder.Write("d/sub/b.json", "{}");
  const std::string list = folder.Write("SHA256SUMS", std::string(64, 'a') + "  d/sub/b.json\n");
  ASSERT_EQ(::chmod(list.c_str(), 0644), 0);
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder.Path("d/sub").c_str(), 0), 0);
  const testing::AsNobody nobody;
  for (const std::string& path : {file, folder.Path("d/sub"), folder.Path("d"), list}) {
    const Verdict verdict = VerifyPath(path, {});
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << path;
    EXPECT_EQ(verdict.reason, Reason::kPermission) << path << ": " << verdict.ToString();
  }
}

// A mount point's own.
TEST(HostileTest, WhatNobodyBacksUpNeedNotBeRead) {
  const testing::TempDir folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  folder.Write("a.json", "{}");
  ASSERT_EQ(::chmod(folder.Path("a.json").c_str(), 0644), 0);
  folder.Write("lost+found/x", "");
  ASSERT_EQ(::chmod(folder.Path("lost+found").c_str(), 0), 0);
  const testing::AsNobody nobody;
  const Verdict verdict = VerifyPath(folder.path(), {});
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
}

// A folder below a folder, too deep for any path.
TEST(HostileTest, FoldersDeeperThanAnyPath) {
  const testing::TempDir folder;
  const std::string name(200, 'd');
  const int here = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::filesystem::current_path(folder.path());
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(::mkdir(name.c_str(), 0700), 0);
    ASSERT_EQ(::chdir(name.c_str()), 0);
  }
  ASSERT_EQ(::fchdir(here), 0);
  ::close(here);
  EndsWithAReason(VerifyPath(folder.path(), {}), "deep folders");
}

}  // namespace
}  // namespace drwatch::verify
