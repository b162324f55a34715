#include <gtest/gtest.h>

#include <algorithm>

#include "samples.h"
#include "verify/barman_info.h"
#include "verify/utc.h"
#include "verify/walg_metadata.h"

namespace drwatch::verify {
namespace {

using model::Reason;

base::Timestamp At(std::string_view text) { return ParseIsoTime(text).value(); }

TEST(IsoTimeTest, ReadsWhatGoAndPythonWrite) {
  const base::Timestamp time = *MakeUtc(2026, 11, 21, 11, 55, 43);
  EXPECT_EQ(ParseIsoTime("2026-11-21T11:55:43Z"), time);
  EXPECT_EQ(ParseIsoTime("2026-11-21T11:55:43.123456789Z"), time + base::Duration(123));
  EXPECT_EQ(ParseIsoTime("2026-11-21 11:55:43.5+00:00"), time + base::Duration(500));
  EXPECT_EQ(ParseIsoTime("2026-11-21 12:55:43+01:00"), time);
  EXPECT_EQ(ParseIsoTime("2026-11-21T06:25:43-0530"), time);
  EXPECT_EQ(ParseIsoTime("0001-01-01T00:00:00Z").has_value(), true);
  for (const char* text :
       {"", "2026-11-21", "2026-11-21T11:55:43", "2026-13-21T11:55:43Z", "2026-11-21T11:55:43.Z",
        "2026-11-21T11:55:43+1", "2026-11-21T11:55:43Zjunk", "2026-11-21T11:55:4xZ"}) {
    EXPECT_EQ(ParseIsoTime(text), std::nullopt) << text;
  }
}

constexpr std::string_view kSentinel = R"({"LSN":33554472,"Timeline":1,"DeltaLSN":16777256,
"DeltaFrom":"base_000000010000000000000001","DeltaFullName":"base_000000010000000000000001",
"DeltaCount":1,"PgVersion":150004,"FinishLSN":33554688,"SystemIdentifier":7301234567890123456,
"UncompressedSize":31000000,"CompressedSize":4100000,"DataCatalogSize":31500000,"Spec":null,
"UserData":{"LSN":5,"deep":[{"LSN":6}]},"Version":2,"StartTime":"2026-11-21T02:00:00.5Z",
"FinishTime":"2026-11-21T02:10:00Z","DateFmt":"%Y","Hostname":"db","DataDir":"/d","IsPermanent":true})";

TEST(WalGMetadataTest, ReadsASentinel) {
  WalGBackup backup;
  ASSERT_TRUE(ParseWalGJson(kSentinel, backup));
  EXPECT_EQ(backup.start, 33554472u);  // not what the user's data calls so
  EXPECT_EQ(backup.finish, 33554688u);
  EXPECT_EQ(backup.timeline, 1u);
  EXPECT_EQ(backup.delta_from, "base_000000010000000000000001");
  EXPECT_EQ(backup.server_version, 150004);
  EXPECT_EQ(backup.system_identifier, 7301234567890123456u);
  EXPECT_EQ(backup.uncompressed_bytes, 31000000);
  EXPECT_EQ(backup.started, At("2026-11-21T02:00:00.500Z"));
  EXPECT_EQ(backup.finished, At("2026-11-21T02:10:00Z"));
  EXPECT_EQ(backup.version, 2);
}

TEST(WalGMetadataTest, MetadataAddsWhatOldSentinelsDoNotSay) {
  WalGBackup backup;
  ASSERT_TRUE(ParseWalGJson(R"({"start_time":"2026-11-21T02:00:00Z","finish_time":
"2026-11-21T02:10:00Z","start_lsn":16777256,"finish_lsn":16777500,"is_permanent":false})",
                            backup));
  ASSERT_TRUE(ParseWalGJson(R"({"LSN":"0/1000028","PgVersion":120001,"FinishLSN":null})", backup));
  EXPECT_EQ(backup.start, 16777256u);
  EXPECT_EQ(backup.finish, 16777500u);
  EXPECT_EQ(backup.finished, At("2026-11-21T02:10:00Z"));
  EXPECT_EQ(backup.version, 1);
}

TEST(WalGMetadataTest, DamagedSentinelsAreNone) {
  for (std::size_t size = 0; size < kSentinel.size(); ++size) {
    WalGBackup backup;
    EXPECT_FALSE(ParseWalGJson(kSentinel.substr(0, size), backup)) << size;
  }
  const auto reason = [](std::string_view text) {
    WalGBackup backup;
    const auto parsed = ParseWalGJson(text, backup);
    return parsed ? Reason::kNone : parsed.error().reason;
  };
  EXPECT_EQ(reason("[1,2]"), Reason::kCorrupt);
  EXPECT_EQ(reason("7"), Reason::kCorrupt);
  EXPECT_EQ(reason(R"({"LSN":-5})"), Reason::kCorrupt);
  EXPECT_EQ(reason(R"({"Timeline":99999999999})"), Reason::kCorrupt);
  EXPECT_EQ(reason(std::string(kSentinel) + "x"), Reason::kCorrupt);
  EXPECT_EQ(reason(R"({"a":)" + std::string(5'000'000, '[')), Reason::kLimit);
  EXPECT_EQ(reason(R"({"a":")" + std::string(5'000'000, 'x') + "\"}"), Reason::kLimit);
  // Odd, but JSON: what it does not say is not known.
  EXPECT_EQ(reason(R"({"LSN":1.5e300,"FinishLSN":99999999999999999999999999,"x":{"y":[]}})"),
            Reason::kNone);
}

constexpr std::string_view kFiles = R"({"Files":{
"/PG_VERSION":{"IsIncremented":false,"IsSkipped":false,"MTime":"2026-11-21T01:00:00Z"},
"/base/1":{"IsIncremented":false,"IsSkipped":false,"MTime":"2026-11-21T01:00:00Z"},
"/base/1/112":{"IsIncremented":false,"IsSkipped":true,"MTime":"2026-11-21T01:00:00Z"},
"/base/1/113":{"IsIncremented":true,"IsSkipped":false,"MTime":"2026-11-21T01:00:00Z",
 "CorruptBlocks":{"CorruptBlocksCount":2,"SomeCorruptBlocks":[5,6]}}},
"TarFileSets":{"part_002.tar.lz4":["/base/1/113"],"part_001.tar.lz4":["/PG_VERSION","/base/1"]},
"DatabasesByNames":{"postgres":{"oid":5,"tables":{"IsSkipped":true}}}})";

Walked<WalGFiles> ReadFiles(std::string_view text) {
  MemorySource source(text);
  Reader reader(source);
  return ReadWalGFiles(reader);
}

TEST(WalGMetadataTest, KeepsHashesOfFileNames) {
  const auto files = ReadFiles(kFiles);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->packed.size(), 3u);
  EXPECT_TRUE(
      std::binary_search(files->packed.begin(), files->packed.end(), WalGNameHash("base/1/113")));
  EXPECT_EQ(files->skipped, std::vector{WalGNameHash("/base/1/112")});
  EXPECT_EQ(files->tars, (std::vector<std::string>{"part_001.tar.lz4", "part_002.tar.lz4"}));
  EXPECT_EQ(files->damaged, 1);
  MemorySource source(kFiles);
  Reader reader(source);
  EXPECT_EQ(FindWalGName(reader, WalGNameHash("base/1/113")).value(), "/base/1/113");
  // The data folder itself has no name.
  const std::string root = R"({"Files":{"/":{"IsSkipped":false}}})";
  MemorySource root_source(root);
  Reader root_reader(root_source);
  EXPECT_EQ(FindWalGName(root_reader, WalGNameHash("")).value(), "/");
  for (std::size_t size = 0; size < kFiles.size(); size += 7) {
    EXPECT_FALSE(ReadFiles(kFiles.substr(0, size))) << size;
  }
  EXPECT_EQ(ReadFiles(R"({"Files":null,"TarFileSets":{"base_1":["x"]}})")->tars.size(), 0u);
}

constexpr std::string_view kInfo = R"(backup_label='START WAL LOCATION: 0/4000028\n'
begin_offset=40
begin_time=2026-11-21 02:00:00.123456+01:00
begin_wal=000000010000000000000004
begin_xlog=0/4000028
compression=None
copy_stats={'copy_time': 1.5, 'total_time': 1.5}
deduplicated_size=31000000
end_offset=256
end_time=2026-11-21 02:10:00.5+01:00
end_wal=000000010000000000000004
end_xlog=0/4000100
error=None
mode=postgres
server_name=main
size=31000000
status=DONE
systemid=7301234567890123456
tablespaces=[('it\'s [1]', 16387, '/srv/a, b'), ("x", 16388, '/y')]
timeline=1
version=150004
xlog_segment_size=16777216
)";

TEST(BarmanInfoTest, ReadsAFinishedBackup) {
  const auto info = ParseBarmanInfo(kInfo);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->status, BarmanStatus::kDone);
  EXPECT_EQ(info->finished, At("2026-11-21T01:10:00.500Z"));
  EXPECT_EQ(info->begin_wal, "000000010000000000000004");
  EXPECT_EQ(info->begin_lsn, 0x4000028u);
  EXPECT_EQ(info->end_lsn, 0x4000100u);
  EXPECT_EQ(info->size_bytes, 31000000);
  EXPECT_EQ(info->system_identifier, 7301234567890123456u);
  EXPECT_EQ(info->server_version, 150004);
  EXPECT_EQ(info->tablespaces, (std::vector<std::uint32_t>{16387, 16388}));
  EXPECT_TRUE(info->error.empty());
  EXPECT_TRUE(info->parent.empty());
}

std::string With(std::string_view key, std::string_view value) {
  std::string text(kInfo);
  const std::size_t at = text.find("\n" + std::string(key) + "=") + 1;
  const std::size_t end = text.find('\n', at);
  return text.replace(at, end - at, std::string(key) + "=" + std::string(value));
}

TEST(BarmanInfoTest, ReadsEveryStatus) {
  EXPECT_EQ(ParseBarmanInfo(With("status", "WAITING_FOR_WALS"))->status,
            BarmanStatus::kWaitingForWals);
  const auto failed = ParseBarmanInfo(
      "status=FAILED\nerror=failure copying files (rsync: broken pipe = 12)\nbegin_wal=None\n");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status, BarmanStatus::kFailed);
  EXPECT_EQ(failed->error, "failure copying files (rsync: broken pipe = 12)");
  EXPECT_EQ(ParseBarmanInfo("status=STARTED\n\n# note\n")->status, BarmanStatus::kStarted);
  EXPECT_EQ(ParseBarmanInfo(With("tablespaces", "None"))->tablespaces.size(), 0u);
  EXPECT_EQ(ParseBarmanInfo(With("begin_time", "Fri Nov 21 02:00:00 2026"))->started, std::nullopt);
}

TEST(BarmanInfoTest, DamagedInfoIsNone) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"status", "DON"},
           {"begin_wal", "00000001000000000000004"},
           {"end_wal", "None"},
           {"begin_xlog", "0x4000028"},
           {"timeline", "0"},
           {"size", "-5"},
           {"size", "99999999999999999999"},
           {"xlog_segment_size", "16777217"},
           {"systemid", "abc"},
           {"tablespaces", "[('x', 16387, '/y')"},
           {"tablespaces", "__import__('os')"},
           {"tablespaces", std::string(100'000, '[')}}) {
    EXPECT_FALSE(ParseBarmanInfo(With(key, value))) << key << "=" << value.substr(0, 50);
  }
  EXPECT_EQ(ParseBarmanInfo("").error().reason, Reason::kTooSmall);
  EXPECT_EQ(ParseBarmanInfo(std::string(1000, '\0')).error().reason, Reason::kIncomplete);
  EXPECT_EQ(ParseBarmanInfo("begin_wal=None\n").error().reason, Reason::kIncomplete);
  // Cut off anywhere before its last line.
  const std::size_t last = kInfo.rfind("xlog_segment_size");
  for (std::size_t size = 0; size < kInfo.size(); ++size) {
    if (size == last) continue;  // what old versions do not say
    EXPECT_FALSE(ParseBarmanInfo(kInfo.substr(0, size))) << size;
  }
}

TEST(BarmanInfoTest, ReadsTheIndexOfWal) {
  const auto lines = ParseXlogDb(
      "000000010000000000000004\t16777216\t1763690400.123\tNone\n"
      "000000010000000000000005\t123456\t1763690500.5\tgzip\n"
      "00000002.history\t42\t1763690600.0\tNone\tNone\n");
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[1].name, "000000010000000000000005");
  EXPECT_EQ((*lines)[1].size_bytes, 123456);
  EXPECT_FALSE(ParseXlogDb("000000010000000000000004 16777216\n"));
  EXPECT_FALSE(ParseXlogDb("000000010000000000000004\t-1\t5\tNone\n"));
  EXPECT_FALSE(ParseXlogDb("../etc/passwd\t1\t5\tNone\n"));
}

}  // namespace
}  // namespace drwatch::verify
