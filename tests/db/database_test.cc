#include "db/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/log_check.h"
#include "support/temp_dir.h"

namespace drwatch::db {
namespace {

using testing::ExpectLog;
using testing::TempDir;

const std::vector<Migration> kNotes = {
    {"notes", 1, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"}};

base::Status AddNote(Database& database, std::string_view body) {
  return database.Transact([&](Database& inside) {
    return inside.Prepare("INSERT INTO notes (body) VALUES (?)").Bind(body).Run();
  });
}

std::vector<std::string> Notes(Database& database) {
  std::vector<std::string> notes;
  const base::Status read = database.Transact([&](Database& inside) -> base::Status {
    Statement rows = inside.Prepare("SELECT body FROM notes ORDER BY id");
    while (true) {
      const base::Result<bool> row = rows.Step();
      if (!row) return base::Fail(row.error());
      if (!*row) return {};
      notes.push_back(rows.Text(0));
    }
  });
  EXPECT_TRUE(read) << read.error().ToString();
  return notes;
}

std::unique_ptr<Database> MustOpen(const std::string& path,
                                   const std::vector<Migration>& migrations = kNotes) {
  base::Result<std::unique_ptr<Database>> opened = Database::Open(path, migrations);
  if (!opened) {
    ADD_FAILURE() << opened.error().ToString();
    return nullptr;
  }
  return std::move(*opened);
}

// A file with some pages in it, all of them in the main file (no journal).
std::string SampleFile(const TempDir& folder) {
  const std::string path = folder.Path("sample.db");
  {
    const auto database = MustOpen(path);
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(AddNote(*database, std::string(1500, 'a')));
  }
  return testing::ReadTestFile(path);
}

TEST(DatabaseTest, KeepsWhatWasCommitted) {
  const TempDir folder;
  const std::string path = folder.Path("below/state.db");
  EXPECT_TRUE(AddNote(*MustOpen(path), "first"));
  const auto again = MustOpen(path);
  EXPECT_TRUE(AddNote(*again, "second"));
  EXPECT_EQ(Notes(*again), (std::vector<std::string>{"first", "second"}));
  EXPECT_FALSE(again->recovered());
}

TEST(DatabaseTest, KeepsTheFileToItself) {
  const TempDir folder;
  const auto database = MustOpen(folder.Path("state.db"));
  struct stat info {};
  ASSERT_EQ(::stat(folder.Path("state.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(DatabaseTest, RollsBackWhenTheBodyFails) {
  const auto database = *Database::OpenInMemory(kNotes);
  const base::Status status = database->Transact([](Database& inside) -> base::Status {
    EXPECT_TRUE(inside.Prepare("INSERT INTO notes (body) VALUES ('x')").Run());
    EXPECT_EQ(inside.ChangedRows(), 1);
    EXPECT_EQ(inside.LastInsertId(), 1);
    return base::Fail("changed my mind");
  });
  EXPECT_EQ(status.error().message, "changed my mind");
  EXPECT_TRUE(Notes(*database).empty());
}

TEST(DatabaseTest, RoundTripsEveryType) {
  const auto database = *Database::OpenInMemory({});
  const std::string bytes("a\0b\xff", 4);
  const base::Status status = database->Transact([&](Database& inside) -> base::Status {
    Statement row = inside.Prepare("SELECT ?, ?, ?, ?, ?, ?");
    row.Bind(std::int64_t{-5}).Bind(0.25).Bind("text").BindBlob(bytes).BindNull().Bind("");
    EXPECT_TRUE(*row.Step());
    EXPECT_EQ(row.Int(0), -5);
    EXPECT_EQ(row.Double(1), 0.25);
    EXPECT_EQ(row.Text(2), "text");
    EXPECT_EQ(row.Text(3), bytes);
    EXPECT_TRUE(row.IsNull(4));
    EXPECT_FALSE(row.IsNull(5));
    EXPECT_FALSE(*row.Step());
    row.Reset();
    EXPECT_TRUE(*row.Step());
    EXPECT_TRUE(row.IsNull(0));
    return {};
  });
  EXPECT_TRUE(status);
}

TEST(DatabaseTest, AStatementIsReadyAgainWhereverItWasLeft) {
  const auto database = *Database::OpenInMemory(kNotes);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(AddNote(*database, "one"));
    EXPECT_TRUE(AddNote(*database, "two"));
    const base::Status done = database->Transact([&](Database& inside) -> base::Status {
      // Left in the middle of its rows, and used by two at once.
      Statement first = inside.Prepare("SELECT body FROM notes ORDER BY id LIMIT ?");
      first.Bind(std::int64_t{2});
      Statement second = inside.Prepare("SELECT body FROM notes ORDER BY id LIMIT ?");
      second.Bind(std::int64_t{2});
      EXPECT_TRUE(*first.Step());
      EXPECT_TRUE(*second.Step());
      EXPECT_TRUE(*second.Step());
      EXPECT_EQ(first.Text(0) + second.Text(0), "onetwo");
      // Nothing of its last values is left.
      Statement unbound = inside.Prepare("SELECT ?");
      EXPECT_TRUE(*unbound.Step());
      EXPECT_TRUE(unbound.IsNull(0));
      unbound.Reset();
      unbound.Bind("left");
      return {};
    });
    EXPECT_TRUE(done);
  }
  for (int i = 0; i < 200; ++i) {  // more texts than are kept
    EXPECT_TRUE(database->Transact(
        [&](Database& inside) { return inside.Prepare("SELECT " + std::to_string(i)).Run(); }));
  }
  EXPECT_EQ(Notes(*database).size(), 6U);
}

TEST(DatabaseTest, SyncsUnlessItIsToldOtherwise) {
  const TempDir folder;
  const auto database = MustOpen(folder.Path("state.db"));
  const auto level = [&](Durability durability) {
    std::int64_t number = -1;
    const base::Status done = database->Transact(
        [&](Database& inside) -> base::Status {
          Statement row = inside.Prepare("PRAGMA synchronous");
          EXPECT_TRUE(*row.Step());
          number = row.Int(0);
          return inside.Prepare("INSERT INTO notes (body) VALUES ('x')").Run();
        },
        durability);
    EXPECT_TRUE(done);
    return number;
  };
  constexpr std::int64_t kNormal = 1, kFull = 2;
  EXPECT_EQ(level(Durability::kSynced), kFull);
  EXPECT_EQ(level(Durability::kWritten), kNormal);
  EXPECT_EQ(level(Durability::kWritten), kNormal);
  EXPECT_EQ(level(Durability::kSynced), kFull);
  EXPECT_EQ(level(Durability::kWritten), kNormal);
  // As the end of the process would leave it.
  const TempDir copy;
  for (const char* name : {"state.db", "state.db-wal"}) {
    std::filesystem::copy_file(folder.Path(name), copy.Path(name));
  }
  EXPECT_EQ(Notes(*MustOpen(copy.Path("state.db"))).size(), 5U);
}

TEST(DatabaseTest, ReportsBadSql) {
  const auto database = *Database::OpenInMemory({});
  const base::Status status =
      database->Transact([](Database& inside) { return inside.Prepare("SELEC 1").Run(); });
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("syntax error"), std::string::npos);
  EXPECT_TRUE(
      database->Transact([](Database& inside) { return inside.Prepare("SELECT 1").Run(); }));
}

TEST(DatabaseTest, RefusesASecondProgramOnTheSameFile) {
  const TempDir folder;
  const auto first = MustOpen(folder.Path("state.db"));
  const auto second = Database::Open(folder.Path("state.db"), kNotes);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("is in use by another process (pid " +
                                        std::to_string(::getpid()) + ")"),
            std::string::npos)
      << second.error().message;
  EXPECT_FALSE(second.error().hint.empty());
  EXPECT_TRUE(AddNote(*first, "still mine"));
}

TEST(DatabaseTest, ReportsAFolderItCannotWrite) {
  const TempDir folder;
  folder.Write("file", "");
  const auto opened = Database::Open(folder.Path("file/state.db"), kNotes);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("opening state"), std::string::npos);
  const auto on_proc = Database::Open("/proc/drwatch-state.db", kNotes);
  ASSERT_FALSE(on_proc);
  EXPECT_FALSE(on_proc.error().hint.empty());
}

TEST(DatabaseTest, MovesGarbageAside) {
  ExpectLog("state is damaged");
  const TempDir folder;
  const std::string garbage(20000, 'g');
  const std::string path = folder.Write("state.db", garbage);
  folder.Write("state.db-wal", "old journal");
  const auto database = MustOpen(path);
  EXPECT_TRUE(database->recovered());
  EXPECT_TRUE(AddNote(*database, "new"));
  std::string moved;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("state.db.corrupt-") && !name.ends_with("-wal")) moved = entry.path();
  }
  ASSERT_FALSE(moved.empty());
  EXPECT_EQ(testing::ReadTestFile(moved), garbage);
  EXPECT_TRUE(Database::IsAside(std::filesystem::path(moved).filename().string()));
  EXPECT_FALSE(Database::IsAside(std::filesystem::path(moved).filename().string() + "-wal"));
  EXPECT_FALSE(Database::IsAside("state.db"));
}

TEST(DatabaseTest, OpensAFileTornAnywhere) {
  ExpectLog("state is damaged");
  const TempDir folder;
  const std::string whole = SampleFile(folder);
  ASSERT_GT(whole.size(), 16000U);
  for (std::size_t size = 0; size < whole.size(); size += 997) {
    const TempDir place;
    const std::string path = place.Write("state.db", whole.substr(0, size));
    const auto database = MustOpen(path);
    ASSERT_TRUE(database) << size;
    // SQLite fills up the last page of a file with zeros, which need not be a contradiction.
    if (size + 4096 <= whole.size()) {
      EXPECT_EQ(database->recovered(), size != 0) << size;
    }
    EXPECT_TRUE(AddNote(*database, "works")) << size;
  }
}

TEST(DatabaseTest, OpensAFileWithFlippedBytes) {
  ExpectLog("state is damaged");
  const TempDir folder;
  const std::string whole = SampleFile(folder);
  for (std::size_t at = 0; at < whole.size(); at += 211) {
    const TempDir place;
    std::string flipped = whole;
    flipped[at] = static_cast<char>(~flipped[at]);
    const auto database = Database::Open(place.Write("state.db", flipped), kNotes);
    // A flip in the stored version numbers is a state of another program, said so; everything else
    // opens.
    if (!database) {
      EXPECT_NE(database.error().message.find("opening state"), std::string::npos) << at;
      continue;
    }
    EXPECT_TRUE(AddNote(**database, "works")) << at;
  }
}

TEST(DatabaseTest, SurvivesAJournalTornAnywhere) {
  const TempDir folder;
  const std::string path = folder.Path("sample.db");
  const auto writer = MustOpen(path);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(AddNote(*writer, std::to_string(i)));
  const std::string main = testing::ReadTestFile(path);
  const std::string journal = testing::ReadTestFile(path + "-wal");
  std::size_t most = 0;
  for (std::size_t size = journal.size() % 512; size <= journal.size(); size += 512) {
    const TempDir place;
    const std::string copy = place.Write("state.db", main);
    place.Write("state.db-wal", journal.substr(0, size));
    const auto database = MustOpen(copy);
    ASSERT_TRUE(database) << size;
    const std::vector<std::string> notes = Notes(*database);
    ASSERT_GE(notes.size(), most) << size;  // a longer journal never holds less
    most = notes.size();
    for (std::size_t i = 0; i < most; ++i) EXPECT_EQ(notes[i], std::to_string(i));
  }
  EXPECT_EQ(most, 5U);
}

TEST(DatabaseTest, UpgradesEachComponentOnItsOwn) {
  const TempDir folder;
  const std::string path = folder.Path("state.db");
  EXPECT_TRUE(AddNote(*MustOpen(path), "old"));
  std::vector<Migration> newer = kNotes;
  newer.push_back({"notes", 2, "ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 3"});
  newer.push_back({"other", 1, "CREATE TABLE other (id INTEGER)"});
  for (int run = 0; run < 2; ++run) {
    const auto database = MustOpen(path, newer);
    EXPECT_EQ(Notes(*database), (std::vector<std::string>{"old"}));
    EXPECT_TRUE(database->Transact([](Database& inside) -> base::Status {
      Statement row = inside.Prepare("SELECT stars FROM notes, (SELECT count(*) FROM other)");
      EXPECT_TRUE(*row.Step());
      EXPECT_EQ(row.Int(0), 3);
      return {};
    }));
  }
}

TEST(DatabaseTest, LeavesTheFileAloneWhenAnUpgradeFails) {
  const TempDir folder;
  const std::string path = folder.Path("state.db");
  EXPECT_TRUE(AddNote(*MustOpen(path), "kept"));
  std::vector<Migration> broken = kNotes;
  broken.push_back({"notes", 2, "DROP TABLE notes; CREATE TABLE oops ("});
  const auto failed = Database::Open(path, broken);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("upgrading notes to version 2"), std::string::npos);
  EXPECT_EQ(Notes(*MustOpen(path)), (std::vector<std::string>{"kept"}));
}

TEST(DatabaseTest, RefusesASchemaFromTheFuture) {
  const TempDir folder;
  const std::string path = folder.Path("state.db");
  std::vector<Migration> newer = kNotes;
  newer.push_back({"notes", 2, "CREATE TABLE extra (id INTEGER)"});
  MustOpen(path, newer);
  const auto opened = Database::Open(path, kNotes);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("the state of notes has version 2, this program knows 1"),
            std::string::npos);
  EXPECT_FALSE(opened.error().hint.empty());
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(DatabaseTest, ReportsAFullDiskAndRecovers) {
  const auto database = *Database::OpenInMemory(kNotes);
  const auto set_limit = [&](const char* sql) {
    return database->Transact([&](Database& inside) { return inside.Prepare(sql).Run(); });
  };
  ASSERT_TRUE(set_limit("PRAGMA max_page_count = 1"));
  const base::Status full = AddNote(*database, std::string(100000, 'x'));
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().message.find("full"), std::string::npos) << full.error().message;
  ASSERT_TRUE(set_limit("PRAGMA max_page_count = 100000"));
  EXPECT_TRUE(AddNote(*database, std::string(100000, 'x')));
}

TEST(DatabaseTest, WritesNothingToAFileThatWasMovedAway) {
  const TempDir folder;
  const auto database = MustOpen(folder.Path("state.db"));
  ASSERT_TRUE(AddNote(*database, "before"));
  std::filesystem::rename(folder.Path("state.db"), folder.Path("elsewhere.db"));
  const base::Status gone = AddNote(*database, "nobody finds this");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, "the file was removed, moved or replaced while it was open");
  EXPECT_EQ(Notes(*database), std::vector<std::string>{"before"}) << "it is still read";
  // Another one in its place is not it.
  folder.Write("state.db", "");
  EXPECT_FALSE(AddNote(*database, "nobody finds this"));
  std::filesystem::rename(folder.Path("elsewhere.db"), folder.Path("state.db"));
  EXPECT_TRUE(AddNote(*database, "after"));
  EXPECT_EQ(Notes(*database), (std::vector<std::string>{"before", "after"}));
}

TEST(DatabaseTest, TakesTurnsBetweenThreads) {
  const auto database = *Database::OpenInMemory(kNotes);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) EXPECT_TRUE(AddNote(*database, "x"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Notes(*database).size(), 200U);
}

}  // namespace
}  // namespace drwatch::db
