#include "verify/verify.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/digest.h"
#include "base/strings.h"
#include "samples.h"

namespace drwatch::verify {
namespace {

using model::Reason;

TEST(VerifyTest, ErrorBodiesAreNoBackups) {
  for (const std::string& body : std::vector<std::string>{
           "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
           "<!DOCTYPE html><html>",
           "\n <HTML><body>",
           "{\"error\": \"not found\"}",
           "{\"message\": \"x\", \"code\": 403}",
           "pg_dump: error: connection to server failed",
           "<Error><Code>NoSuchKey</Code></Error>",
           "<?xml version=\"1.0\"?>\n<!-- x -->\n<d:error xmlns:d=\"DAV:\">no</d:error>",
           "<?xml version=\"1.0\"?><s:Envelope><s:Body><s:Fault>x</s:Fault></s:Body></s:Envelope>",
           "<?xml version=\"1.0\"?><Response><Errors><Error>x</Error></Errors></Response>",
           "<!-- proxy -->\n<!DOCTYPE html><html>",
           "<head><title>502 Bad Gateway</title></head>",
           "psql: error: connection refused",
           "/bin/sh: 1: pg_dump: not found\n",
           "-bash: pg_dump: command not found",
           "cat: /backup/x: No such file or directory\n",
           "Error response from daemon: No such container: pg",
           "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
           "NOAUTH Authentication required.",
           "404 Not Found",
           "{\"message\":\"Unauthorized\"}",
           "{ \"detail\": \"Not found.\" }",
           "{\"code\":\"AccessDenied\"}",
           "pg_dump: last built-in OID is 16383\n" + std::string(20'000, '-')}) {
    for (const std::string& bytes : {body, Gzip(body)}) {
      const Verdict verdict = VerifyBytes(bytes, "shop.dump");
      EXPECT_EQ(verdict.outcome, Outcome::kBroken) << body;
      EXPECT_EQ(verdict.reason, Reason::kWrongFormat) << body;
    }
  }
  // Data that looks a little like it.
  for (const std::string& data :
       {std::string("<?xml version=\"1.0\"?><config/>"), std::string("{\"name\": 1}"),
        // mysqldump --xml says "Default" of each column.
        std::string("<?xml version=\"1.0\"?>\n<mysqldump><field Default=\"1\"/></mysqldump>"),
        std::string("<?xml version=\"1.0\"?><rows><code>1</code><fault>none</fault></rows>"),
        std::string("{\"level\": \"error\", \"errors\": [\n], \"error\": null}"),
        "{\"code\": 1, \"rows\": [" + std::string(600, '1') + "]}", std::string("Notes found"),
        "{\"error\": 0, \"rows\": [" + std::string(20'000, '1') + "]}"}) {
    EXPECT_EQ(VerifyBytes(data, "x.bin").outcome, Outcome::kUnjudged);
  }
  EXPECT_EQ(VerifyBytes("<!DOCTYPE html><html>", "index.html").outcome, Outcome::kUnjudged);
}

TEST(VerifyTest, NothingIsNoBackup) {
  EXPECT_EQ(VerifyBytes("").reason, Reason::kTooSmall);
  EXPECT_EQ(VerifyBytes(Gzip(""), "x.gz").reason, Reason::kTooSmall);
  EXPECT_EQ(VerifyBytes(Gzip(""), "x.tar.gz").reason, Reason::kTooSmall);
  const Verdict zeros = VerifyBytes(std::string(900'000, '\0'));
  EXPECT_EQ(zeros.outcome, Outcome::kBroken);
  EXPECT_EQ(zeros.reason, Reason::kCorrupt);
  EXPECT_EQ(VerifyBytes(std::string(900'000, '\0') + "x").outcome, Outcome::kUnjudged);
}

TEST(VerifyTest, NamesPromiseFormats) {
  for (const char* name :
       {"x.gz", "x.tgz", "x.sql.zst", "x.xz", "x.bz2", "x.lz4", "x.tar", "x.rdb"}) {
    const Verdict verdict = VerifyBytes("some text", name);
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << name;
    EXPECT_EQ(verdict.reason, Reason::kWrongFormat);
  }
  EXPECT_EQ(VerifyBytes(Gzip("some text"), "x.tar.gz").reason, Reason::kWrongFormat);
}

TEST(VerifyTest, UnknownAndEncryptedFilesAreNotFailures) {
  for (const std::string& bytes :
       {std::string("some text"), std::string("Salted__12345678abcdef"),
        std::string("age-encryption.org/v1\n-> X25519"), std::string("\x85\x02\x0c\x03zzzz"),
        std::string("\x8c\x2e\x05\x09zzzz"), std::string("U2FsdGVkX1+aaaabbbbcccc\n"),
        std::string("-----BEGIN PGP MESSAGE-----\n\njA0E\n-----END PGP MESSAGE-----\n")}) {
    for (const char* name : {"x.bin", "x.dump"}) {
      const Verdict verdict = VerifyBytes(bytes, name);
      EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << bytes;
      EXPECT_EQ(verdict.reason, Reason::kUnverified);
      EXPECT_EQ(verdict.level, Level::kSize);
    }
  }
  const std::string age = "age-encryption.org/v1\n-> X25519 key\nbody\n--- mac\n";
  for (const std::string& bytes :
       {std::string("Salted__") + Noise(40), age + Noise(33), "\x8c\x0d\x04" + Noise(68)}) {
    EXPECT_EQ(VerifyBytes(bytes, "x.enc").outcome, Outcome::kUnjudged) << bytes.size();
  }
  const Verdict packed = VerifyBytes(Gzip("some text"), "x.gz");
  EXPECT_EQ(packed.outcome, Outcome::kIntact);
  EXPECT_EQ(packed.level, Level::kFormat);
}

TEST(VerifyTest, TheEncryptionOfNothingIsNoBackup) {
  // What is left of `pg_dump ... | openssl enc`, gpg -c and age when pg_dump fails.
  const std::string age = "age-encryption.org/v1\n-> X25519 key\nbody\n--- mac\n";
  for (const std::string& bytes :
       {std::string("Salted__") + Noise(24), "U2FsdGVkX1" + std::string(34, 'A') + "\n",
        age + Noise(32), "\x8c\x0d\x04" + Noise(67)}) {
    const Verdict verdict = VerifyBytes(bytes, "shop.sql.enc");
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << bytes.size();
    EXPECT_EQ(verdict.reason, Reason::kTooSmall);
    EXPECT_TRUE(verdict.message.starts_with("holds nothing: encrypted (")) << verdict.message;
  }
}

TEST(VerifyTest, NestingIsLimited) {
  std::string bytes = Noise(1000);
  for (int i = 0; i < kMaxNesting; ++i) bytes = Gzip(bytes);
  EXPECT_EQ(VerifyBytes(bytes, "x").outcome, Outcome::kIntact);
  const Verdict verdict = VerifyBytes(Gzip(bytes), "x");
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kLimit);
}

TEST(VerifyTest, WhatCannotBeReadIsNotJudged) {
  const testing::TempDir folder;
  EXPECT_EQ(VerifyPath(folder.Path("nowhere"), {}).reason, Reason::kNotFound);
  ASSERT_EQ(::mkfifo(folder.Path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(VerifyPath(folder.Path("fifo"), {}).outcome, Outcome::kUnjudged);
  EXPECT_EQ(VerifyPath("/dev/zero", {}).outcome, Outcome::kUnjudged);
}

// Changes its file when the reader has got somewhere.
class Changer final : public Source {
 public:
  Changer(std::unique_ptr<Source> source, std::string path)
      : source_(std::move(source)), path_(std::move(path)) {}
  Walked<std::string_view> Next() override {
    auto bytes = source_->Next();
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) + 1000);
    return bytes;
  }
  bool changed() const override { return source_->changed(); }

 private:
  std::unique_ptr<Source> source_;
  std::string path_;
};

TEST(VerifyTest, FilesThatChangeWhileTheyAreReadAreNotBroken) {
  const testing::TempDir folder;
  const auto verify = [&folder](const std::string& bytes) {
    const std::string path = folder.Write("x.tar.gz", bytes);
    ReadBudget budget({});
    const Opener open = [&](DigestTee* tee) -> Walked<OpenedFile> {
      auto file = OpenPath(path, budget, tee);
      if (file) file->source = std::make_unique<Changer>(std::move(file->source), path);
      return file;
    };
    return VerifyOpened(open, "x.tar.gz", Checksums(path), budget);
  };
  const std::string good = Gzip(Tar({{"a", Noise(900'000)}}));
  const Verdict intact = verify(good);
  EXPECT_EQ(intact.outcome, Outcome::kIntact) << intact.ToString();
  EXPECT_EQ(intact.details.back(), "it was changed while it was read");
  const Verdict cut = verify(good.substr(0, good.size() / 2));
  EXPECT_EQ(cut.outcome, Outcome::kUnjudged);
  EXPECT_EQ(cut.reason, Reason::kUnverified);
  EXPECT_EQ(cut.message, "it was changed while it was read");
  EXPECT_EQ(cut.level, Level::kExists) << "what was read is not what lies there";
}

TEST(VerifyTest, NoNameReachesATerminalAsItIs) {
  Verdict verdict;
  verdict.place = "a b\xc3\xa9.tar: byte 5";
  verdict.message = "bad";
  EXPECT_EQ(verdict.ToString(), "a b\xc3\xa9.tar: byte 5: bad");
  verdict.place = "\x1b[2J\xff";
  EXPECT_EQ(verdict.ToString().find('\x1b'), std::string::npos);
  EXPECT_EQ(verdict.ToString().find('\xff'), std::string::npos);
}

TEST(VerifyTest, FolderIsAllItsFiles) {
  const testing::TempDir folder;
  folder.Write("d/a.dump", Sample("custom.dump"));
  folder.Write("d/sub/b.sql.gz", Gzip(Sample("plain.sql")));
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome, Outcome::kIntact);
  folder.Write("d/sub/b.sql.gz", Gzip(Sample("plain.sql")).substr(0, 3000));
  const Verdict verdict = VerifyPath(folder.Path("d/"), {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.place, "sub/b.sql.gz: byte 3000");
  std::filesystem::create_directory(folder.Path("empty"));
  EXPECT_EQ(VerifyPath(folder.Path("empty"), {}).outcome, Outcome::kBroken);
  // A loop of links ends.
  folder.Write("loop/a.dump", Sample("custom.dump"));
  std::filesystem::create_directory_symlink(folder.Path("loop"), folder.Path("loop/again"));
  EXPECT_EQ(VerifyPath(folder.Path("loop"), {}).outcome, Outcome::kIntact);
}

TEST(VerifyTest, AnEmptyFileOfAFolderMayBeMeant) {
  const testing::TempDir folder;
  folder.Write("d/a.dump", Sample("custom.dump"));
  folder.Write("d/_SUCCESS", "");
  const Verdict mark = VerifyPath(folder.Path("d"), {});
  EXPECT_EQ(mark.outcome, Outcome::kUnjudged);
  EXPECT_EQ(mark.ToString(), "_SUCCESS: it is empty and no checksum file names it");
  folder.Write("d/SHA256SUMS",
               base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, "")) + "  _SUCCESS\n");
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyPath(folder.Path("d/SHA256SUMS"), {}).outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyPath(folder.Path("d/_SUCCESS"), {}).outcome, Outcome::kBroken) << "alone";
  for (const char* name : {"d/b.dump", "d/b.sql", "d/b.tar", "d/b.bak", "d/b.html.gz"}) {
    folder.Write(name, "");
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).reason, Reason::kTooSmall) << name;
    std::filesystem::remove(folder.Path(name));
  }
  for (const char* name : {"d/values.yaml", "d/state.json", "d/index.html.bak"}) {
    folder.Write(name, "");
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome, Outcome::kUnjudged) << name;
    std::filesystem::remove(folder.Path(name));
  }
}

TEST(VerifyTest, WhatACommandSaidInPlaceOfADump) {
  const std::string xhtml =
      "<?xml version=\"1.0\"?>\n<!-- a -->\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 "
      "Strict//EN\">"
      "<html xmlns=\"http://www.w3.org/1999/xhtml\">";
  for (const std::string& said :
       {xhtml, std::string("Killed\n"), std::string("Host key verification failed.\n"),
        std::string("ERROR 1045 (28000): Access denied for user 'root'@'localhost'\n"),
        std::string("the input device is not a TTY\n"),
        std::string("service \"db\" is not running\n"),
        std::string("ssh: connect to host db port 22: Connection timed out\n")}) {
    for (const std::string& bytes : {said, Gzip(said)}) {
      EXPECT_EQ(VerifyBytes(bytes, "shop.sql.gz").reason, Reason::kWrongFormat) << said;
    }
  }
  EXPECT_EQ(VerifyBytes("<?xml version=\"1.0\"?><notes/>", "notes.x").outcome, Outcome::kUnjudged);
}

// A file that is broken as an artefact of its own, for nothing but how it looks.
struct Look {
  std::string name;
  std::string bytes;
  std::string doubt;
};

std::vector<Look> MakeLooks() {
  const std::string page = "<!DOCTYPE html><html>";
  std::vector<Look> looks;
  for (const char* name : {"index.php", "mail.html.j2", "Main_Page", "index.php.bak"}) {
    looks.push_back({name, page, "an HTML page in place of a backup"});
  }
  for (const char* name : {"de.yml", "messages.properties", "notes.md", "app.log", "app.log.1"}) {
    looks.push_back({name, "error: x", "an error message in place of a backup"});
  }
  looks.push_back({"errors.xml", "<errors/>", "an XML error document in place of a backup"});
  looks.push_back(
      {"de.json", "{\"errors\": {\"a\": 1}}", "a JSON error document in place of a backup"});
  looks.push_back({"members/0000", std::string(8192, '\0'), "holds nothing but zero bytes"});
  looks.push_back({"x.json", "{a: 1}", "byte 1: not JSON, as its name promises"});
  looks.push_back({"x.json", "{\"a\": [1", "byte 8: ends in JSON"});
  looks.push_back(
      {"x.yml", "{% if a %}\nb: 1\n", "line 1: not YAML, as its name promises: unknown token"});
  looks.push_back({"x.yml", "a: \"\\\xd2\x87\"\n",
                   "line 1: not YAML, as its name promises: unknown escape character: \\xd2"});
  looks.push_back({"x.yaml", "a: caf\xe9\n", "not text, as its name promises"});
  return looks;
}

TEST(VerifyTest, FilesOfAFolderMayLookLikeAnything) {
  const std::string gzip = Gzip(Sample("plain.sql"));
  for (const Look& look : MakeLooks()) {
    const testing::TempDir folder;
    folder.Write("d/a.sql.gz", gzip);
    const std::string path = folder.Write("d/" + look.name, look.bytes);
    const Verdict in_folder = VerifyPath(folder.Path("d"), {});
    EXPECT_EQ(in_folder.outcome, Outcome::kUnjudged) << look.name;
    EXPECT_EQ(in_folder.level, Level::kSize) << look.name;
    EXPECT_EQ(in_folder.ToString(),
              look.name + ": " + look.doubt + " and no checksum file names it");
    EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kBroken) << "alone: " << look.name;
    // Its bytes are as good as those of any other file.
    const auto digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, look.bytes);
    folder.Write("d/SHA256SUMS", base::Hex(digest) + "  " + look.name + "\n");
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome, Outcome::kIntact) << look.name;
    folder.Write("d/SHA256SUMS", std::string(64, 'a') + "  " + look.name + "\n");
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).reason, Reason::kCorrupt) << look.name;
  }
}

TEST(VerifyTest, FilesOfAFolderKeepThePromisesOfBackups) {
  const std::string page = "<!DOCTYPE html><html>";
  for (const char* name :
       {"shop.dump", "shop.sql", "shop.dump.20261130", "shop.bak", "shop.zip", "x.html.gz",
        "shop.age", "000000010000000000000005", "shop.sql.bak", "dump.rdb"}) {
    for (const std::string& bytes : {page, std::string(8192, '\0')}) {
      const testing::TempDir folder;
      folder.Write(std::string("d/") + name, bytes);
      EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome, Outcome::kBroken) << name;
    }
  }
  for (const char* name : {"shop.gz", "shop.sql.gz", "shop-2026.11.30.gz", "x.html.sql.gz"}) {
    const testing::TempDir folder;
    folder.Write(std::string("d/") + name, Gzip(page));
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).reason, Reason::kWrongFormat) << name;
  }
  for (const char* name : {"x.sql.gz", "x.tar.gz", "x.dump.20261130.gz"}) {
    const testing::TempDir folder;
    folder.Write(std::string("d/") + name, Gzip(""));
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).reason, Reason::kTooSmall) << name;
  }
  // What was packed may be anything or nothing (a log that was rotated), and a name of 24 digits
  // somebody else's.
  for (const char* name : {"index.html.gz", "index.php.gz", "error.log.1.gz"}) {
    const testing::TempDir folder;
    folder.Write(std::string("d/") + name, Gzip(page));
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).level, Level::kFormat) << name;
  }
  for (const char* name : {"error.log.1.gz", "spooler-20261130.gz", "page.1.gz"}) {
    const testing::TempDir folder;
    const std::string path = folder.Write(std::string("d/") + name, Gzip(""));
    const Verdict verdict = VerifyPath(folder.Path("d"), {});
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << name;
    EXPECT_EQ(verdict.message, "it is empty and no checksum file names it");
    EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kBroken) << "alone: " << name;
  }
  EXPECT_EQ(VerifyBytes("an upload", "507F1F77BCF86CD799439011").outcome, Outcome::kUnjudged);
}

TEST(VerifyTest, SomeProgramsUseTheNamesOfOthers) {
  // As stats4.rdb of R 4.2 and tools/R/sysdata.rdb begin, and a file of /var/lib/dpkg/alternatives.
  const std::string zlib("\x00\x00\x02\x5e\x78\x9c\x8d\x52\x4d\x6b", 11);
  const std::string lzma("\x00\x00\x05\x06\x5a\xe0\x05\x05\x02", 9);
  EXPECT_EQ(VerifyBytes(zlib, "stats4.rdb").outcome, Outcome::kUnjudged);
  EXPECT_EQ(VerifyBytes(lzma, "sysdata.rdb").outcome, Outcome::kUnjudged);
  EXPECT_EQ(VerifyBytes("auto\n/usr/share/man/man7/builtins.7.gz\n\n", "builtins.7.gz").outcome,
            Outcome::kUnjudged);
  // No damage makes a snapshot of Redis look so.
  for (std::size_t at = 0; at < 9; ++at) {
    const std::string rdb = Flipped(Sample("redis.rdb"), at, static_cast<int>(at % 8));
    EXPECT_EQ(VerifyBytes(rdb, "dump.rdb").outcome, Outcome::kBroken) << at;
  }
}

TEST(VerifyTest, AnArchiveOfAFolderMayBeEmpty) {
  for (const std::size_t zeros : {1024, 10'240, 8192}) {
    const testing::TempDir folder;
    const std::string path = folder.Write("d/layer.tar", std::string(zeros, '\0'));
    EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kBroken) << "alone";
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).outcome,
              zeros == 8192 ? Outcome::kBroken : Outcome::kUnjudged);
  }
}

TEST(VerifyTest, SaysWhichFileOfAFolderIsNotJudged) {
  const testing::TempDir folder;
  folder.Write("d/a.dump", Sample("custom.dump"));
  folder.Write("d/b.bin", "what is this");
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).place, "b.bin");
}

TEST(VerifyTest, FolderMissingAListedFileIsIncomplete) {
  const testing::TempDir folder;
  folder.Write("d/a.dump", Sample("custom.dump"));
  folder.Write("SHA256SUMS", std::string(64, 'a') + "  d/gone.dump\n");
  const Verdict verdict = VerifyPath(folder.Path("d"), {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
  EXPECT_EQ(verdict.place, "gone.dump");
}

TEST(VerifyTest, StopAndDeadlineEndItWithoutAVerdict) {
  const testing::TempDir folder;
  const std::string path = folder.Write("x.gz", Gzip(Noise(2 << 20)));
  VerifyOptions options;
  options.read_rate_bytes = 1000;  // would take minutes
  base::StopSource stop;
  options.stop = stop.token();
  std::thread stopping([&stop] { stop.RequestStop(); });
  const Verdict stopped = VerifyPath(path, options);
  stopping.join();
  EXPECT_EQ(stopped.outcome, Outcome::kUnjudged);
  EXPECT_EQ(stopped.reason, Reason::kTimeout);
  options.stop = {};
  options.deadline = base::Deadline::After(base::Duration(20));
  const Verdict late = VerifyPath(path, options);
  EXPECT_EQ(late.outcome, Outcome::kUnjudged);
  EXPECT_EQ(late.reason, Reason::kTimeout);
}

TEST(VerifyTest, ReadRateIsKept) {
  const testing::TempDir folder;
  const std::string path = folder.Write("x.gz", Gzip(Noise(3 << 20)));
  const auto size = std::filesystem::file_size(path);
  ASSERT_GT(size, 1u << 20);
  VerifyOptions options;
  options.read_rate_bytes = static_cast<std::int64_t>(size) * 4;
  std::atomic<std::int64_t> paced{0};
  options.paced = &paced;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(VerifyPath(path, options).outcome, Outcome::kIntact);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds(100));
  // What it waited is told, so that the rest is what reading took.
  EXPECT_GT(paced, 50'000'000);
  EXPECT_LE(std::chrono::nanoseconds(paced), took);
}

// How much of a file lies in the page cache.
double CachedShare(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  struct stat info {};
  ::fstat(file, &info);
  const auto size = static_cast<std::size_t>(info.st_size);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  std::vector<unsigned char> pages((size + 4095) / 4096);
  EXPECT_EQ(::mincore(mapped, size, pages.data()), 0);
  ::munmap(mapped, size);
  ::close(file);
  const auto cached = std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; });
  return static_cast<double>(cached) / static_cast<double>(pages.size());
}

TEST(VerifyTest, LeavesThePageCacheAsItWas) {
  const testing::TempDir folder;
  const std::string path = folder.Write("x.bin", std::string(65 << 20, '\0'));
  EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kBroken);  // nothing but zeros
  EXPECT_GT(CachedShare(path), 0.9) << "it was just written";
  const int file = ::open(path.c_str(), O_RDONLY);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
  // A file system in memory keeps it whatever one says.
  if (CachedShare(path) > 0.1) return;
  EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kBroken);
  EXPECT_LT(CachedShare(path), 0.2) << "what was read is dropped again";
}

TEST(VerifyTest, DigestOfWhatIsReadToItsEnd) {
  const testing::TempDir folder;
  const auto sha256 = [](std::string_view bytes) {
    return "sha256:" + base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, bytes));
  };
  const std::string dump = Sample("custom.dump");
  const std::string path = folder.Write("x.dump", dump);
  EXPECT_EQ(VerifyPath(path, {}).digest, "") << "nobody asked";
  VerifyOptions options;
  options.digest = true;
  EXPECT_EQ(VerifyPath(path, options).digest, sha256(dump));
  // Nothing is read for the digest alone.
  const std::string unknown = folder.Write("x.bin", Noise(2 << 20));
  const Verdict verdict = VerifyPath(unknown, options);
  EXPECT_EQ(verdict.digest, "");
  EXPECT_LT(verdict.bytes_read, 1 << 20);
  // A list names one: it is proven, and of damaged bytes it is their own.
  folder.Write("SHA256SUMS", sha256(dump).substr(7) + "  x.dump\n");
  EXPECT_EQ(VerifyPath(path, {}).digest, sha256(dump));
  const std::string changed = Flipped(dump, dump.size() - 9);
  folder.Write("x.dump", changed);
  EXPECT_EQ(VerifyPath(path, {}).digest, sha256(changed));
  folder.Write("SHA256SUMS", "");
  folder.Write("d/a.dump", dump);
  EXPECT_EQ(VerifyPath(folder.Path("d"), options).digest, "") << "a folder has none";
}

TEST(TableListTest, HalfAListIsNone) {
  TableList list;
  list.Add("public", "b\nc");
  list.Add("", "a");
  list.Add("", "a");
  list.Add("s", std::string(10'000, 'x'));
  const std::vector<std::string> tables = list.Take();
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[0], "a");
  EXPECT_EQ(tables[1], "public.b c");
  EXPECT_LE(tables[2].size(), TableList::kMaxNameBytes);
  for (std::size_t i = 0; i <= TableList::kMaxTables; ++i) list.Add("", std::to_string(i));
  EXPECT_TRUE(list.Take().empty());
}

TEST(VerifyTest, PlainTextIsReadAsText) {
  Verdict verdict = VerifyBytes(Sample("custom.dump").substr(0, 3));
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  verdict = VerifyBytes("This text mentions -- PostgreSQL database dump\n");
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
}

}  // namespace
}  // namespace drwatch::verify
