#include "catalog/piece_catalog.h"

#include <gtest/gtest.h>

#include "verify/split_pieces.h"

namespace drwatch::catalog {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'768'003'200'000);

// Lists what it was told to.
class FakeCatalog final : public ArtefactCatalog {
 public:
  explicit FakeCatalog(const Listing& listing) : listing_(listing) {}
  Listing List(base::Timestamp, base::Deadline, const base::StopToken&) override {
    return listing_;
  }
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline,
                                                  const base::StopToken&) override {
    return artefact.fingerprint;
  }
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions&) override {
    verify::Verdict verdict;
    verdict.message = artefact.name + " of " + std::to_string(artefact.size_bytes);
    if (!intact_) return verdict;
    verdict.outcome = verify::Outcome::kIntact;
    verdict.details = {verify::TellPieces(3)};
    if (artefact.checksum_stamp != mismatched_) return verdict;
    verdict.outcome = verify::Outcome::kBroken;
    verdict.checksum = verify::ChecksumState::kMismatched;
    return verdict;
  }
  // The pieces are intact together, and the one with such a stamp is not what it should be.
  void MakeIntact(std::uint64_t mismatched) {
    intact_ = true;
    mismatched_ = mismatched;
  }

 private:
  const Listing& listing_;
  bool intact_ = false;
  std::uint64_t mismatched_ = 0;
};

class PieceCatalogTest : public ::testing::Test {
 protected:
  static Artefact File(const std::string& name, base::Duration age, std::int64_t size) {
    Artefact artefact;
    artefact.path = "/backup/" + name;
    artefact.name = name;
    artefact.size_bytes = size;
    artefact.modified = artefact.time = kNow - age;
    artefact.fingerprint = std::hash<std::string>{}(name);
    return artefact;
  }
  void Add(const std::string& name, base::Duration age, std::int64_t size) {
    listing_.complete.Edit().push_back(File(name, age, size));
  }
  Listing List() { return catalog_.List(kNow, base::Deadline::After(1min), {}); }
  // "name of size in files ... | in progress".
  std::string Listed() {
    const Listing listing = List();
    std::string text;
    for (const Artefact& artefact : listing.complete) {
      text += artefact.name + " " + std::to_string(artefact.size_bytes) + "/" +
              std::to_string(artefact.files) + " ";
    }
    text += "|";
    for (const std::string& name : listing.in_progress) text += " " + name;
    return text;
  }

  Listing listing_;
  std::map<std::string, std::string> heads_;  // by name; others cannot be read
  int reads_ = 0;
  FakeCatalog* const files_ = new FakeCatalog(listing_);  // of catalog_
  PieceCatalog catalog_{std::unique_ptr<FakeCatalog>(files_),
                        [this](const Artefact& artefact, base::Deadline, const base::StopToken&) {
                          ++reads_;
                          const auto found = heads_.find(artefact.name);
                          return found != heads_.end() ? std::optional(found->second)
                                                       : std::nullopt;
                        }};
};

TEST_F(PieceCatalogTest, PiecesAreOneArtefact) {
  Add("old.dump", 30h, 7);
  Add("shop.dump.aa", 2h, 10);
  Add("shop.dump.ab", 2h - 1min, 10);
  Add("shop.dump.ac", 2h - 2min, 3);
  EXPECT_EQ(Listed(), "old.dump 7/1 shop.dump.aa 23/3 |");
  const Listing listing = List();
  const Artefact& whole = listing.complete.back();
  EXPECT_EQ(whole.modified, kNow - 2h + 2min);
  EXPECT_EQ(whole.time, kNow - 2h + 2min);
  EXPECT_EQ(catalog_.CurrentFingerprint(whole, base::Deadline::After(1min), {}), whole.fingerprint);
  // It opens the pieces by their names.
  EXPECT_EQ(catalog_.Verify(whole, {}).message, "shop.dump.aa of 10");
}

TEST_F(PieceCatalogTest, AMissingPieceChangesTheFingerprint) {
  Add("shop.dump.aa", 2h, 10);
  Add("shop.dump.ab", 2h, 10);
  Add("shop.dump.ac", 2h, 3);
  const std::uint64_t before = List().complete.back().fingerprint;
  listing_.complete.Edit().erase(listing_.complete.begin() + 1);
  EXPECT_EQ(Listed(), "shop.dump.aa 13/2 |");
  EXPECT_NE(List().complete.back().fingerprint, before);
}

TEST_F(PieceCatalogTest, TheChecksumOfEachPieceCounts) {
  for (const auto& [name, stamp] :
       {std::pair("shop.dump.aa", 1), {"shop.dump.ab", 0}, {"shop.dump.ac", 3}}) {
    Add(name, 2h, 10);
    listing_.complete.Edit().back().checksum_stamp = static_cast<std::uint64_t>(stamp);
  }
  const Artefact whole = List().complete.back();
  files_->MakeIntact(7);
  EXPECT_EQ(catalog_.Verify(whole, {}).outcome, verify::Outcome::kIntact);
  files_->MakeIntact(3);
  const verify::Verdict verdict = catalog_.Verify(whole, {});
  EXPECT_EQ(verdict.outcome, verify::Outcome::kBroken);
  EXPECT_EQ(verdict.place, "shop.dump.ac");
}

TEST_F(PieceCatalogTest, OneThatIsBeingWrittenHoldsAllOfThemBack) {
  Add("shop.dump.aa", 2min, 10);
  listing_.recent.push_back(File("shop.dump.ab", 0min, 4));
  listing_.in_progress.push_back("shop.dump.ab");
  EXPECT_EQ(Listed(), "| shop.dump.aa");
  const Listing listing = List();
  ASSERT_EQ(listing.recent.size(), 1u);
  EXPECT_EQ(listing.recent.front().size_bytes, 14);
}

TEST_F(PieceCatalogTest, NumberedPiecesAreWrittenOneAfterTheOther) {
  Add("shop.tar.00", 2h, 10);
  Add("shop.tar.01", 2h - 9min, 10);
  Add("shop.tar.02", 2h - 12min, 1);
  EXPECT_EQ(Listed(), "shop.tar.00 21/3 |");
}

TEST_F(PieceCatalogTest, NumberedDumpsEachOfWhichBeginsAreNone) {
  Add("x00", 2h, 10);
  Add("x01", 2h, 9);
  EXPECT_EQ(Listed(), "x00 19/2 |") << "what they are cannot be read";
  heads_ = {{"x00", "PGDMP one"}, {"x01", "rest of it"}};
  EXPECT_EQ(Listed(), "x00 19/2 |");
  reads_ = 0;
  EXPECT_EQ(Listed(), "x00 19/2 |");
  EXPECT_EQ(reads_, 0) << "nothing has changed";
  heads_["x01"] = "PGDMP another";
  listing_.complete.Edit().back().fingerprint += 1;
  EXPECT_EQ(Listed(), "x00 10/1 x01 9/1 |");
}

TEST_F(PieceCatalogTest, ARotationIsNone) {
  Add("shop.tar.01", 48h, 10);
  Add("shop.tar.02", 24h, 10);
  EXPECT_EQ(Listed(), "shop.tar.01 10/1 shop.tar.02 10/1 |");
  // Copied at one time, but each as long as it is.
  listing_ = {};
  Add("shop.dump.01", 2h, 10);
  Add("shop.dump.02", 2h, 9);
  Add("shop.dump.03", 2h, 8);
  EXPECT_EQ(Listed(), "shop.dump.01 10/1 shop.dump.02 9/1 shop.dump.03 8/1 |");
  listing_ = {};
  Add("shop.sql.aa", 2h, 10);
  Add("shop.sql.gz", 2h, 10);
  EXPECT_EQ(Listed(), "shop.sql.aa 10/1 shop.sql.gz 10/1 |");
}

}  // namespace
}  // namespace drwatch::catalog
