#include "verify/split_pieces.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "verify/bson.h"
#include "verify/decoder.h"
#include "verify/file_verifier.h"
#include "verify/pg_dump.h"
#include "verify/rdb.h"
#include "verify/sql_dump.h"

namespace drwatch::verify {
namespace {

// split(1) makes the number longer where it would end; more are nobody's.
constexpr std::size_t kMaxDigits = 4;

bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

struct Pieces {
  std::vector<std::string> names;
  std::int64_t size = 0;
};

bool IsMissing(const Walked<OpenedFile>& opened) {
  return !opened && opened.error().reason == model::Reason::kNotFound;
}

// Those that are there, up to the first that is not.
Walked<Pieces> FindPieces(const std::string& first, const OpenPiece& open) {
  Pieces pieces;
  for (std::optional<std::string> name = first; name; name = NextPieceName(*name)) {
    const auto opened = open(*name);
    if (IsMissing(opened)) break;
    if (!opened) return tl::unexpected(opened.error());
    pieces.size += opened->size;
    pieces.names.push_back(*name);
  }
  return pieces;
}

// One piece after the other.
class PiecesSource final : public Source {
 public:
  // `tee` may be nullptr.
  PiecesSource(const std::vector<std::string>& names, const OpenPiece& open, DigestTee* tee)
      : names_(names), open_(open), tee_(tee) {}

  Walked<std::string_view> Next() override {
    while (piece_ || at_ < names_.size()) {
      if (!piece_) {
        auto opened = open_(names_[at_++]);
        if (!opened) return tl::unexpected(std::move(opened.error()));
        piece_ = std::move(opened->source);
      }
      auto bytes = piece_->Next();
      if (bytes && !bytes->empty() && tee_ != nullptr) tee_->Update(*bytes);
      if (!bytes || !bytes->empty()) return bytes;
      changed_ = changed_ || piece_->changed();
      attested_ = attested_ && piece_->attestation() == Attestation::kMatched;
      piece_.reset();
    }
    return std::string_view();
  }
  Attestation attestation() const override {
    const bool ended = at_ == names_.size() && !piece_;
    return attested_ && ended ? Attestation::kMatched : Attestation::kNone;
  }
  bool changed() const override { return changed_ || (piece_ && piece_->changed()); }

 private:
  const std::vector<std::string>& names_;
  const OpenPiece& open_;
  DigestTee* const tee_;
  std::size_t at_ = 0;  // of names_, the next one
  std::unique_ptr<Source> piece_;
  bool attested_ = true;
  bool changed_ = false;
};

}  // namespace

bool PieceName::first() const {
  if (!digits()) return number.find_first_not_of('a') == number.npos;
  const bool zeros = number.substr(0, number.size() - 1).find_first_not_of('0') == number.npos;
  return zeros && number.back() <= '1';
}

int PieceName::Number() const {
  int value = 0;
  for (const char c : number) value = digits() ? value * 10 + (c - '0') : value * 26 + (c - 'a');
  return value;
}

// "2026.12." and "02:" of names that end in a date or a time.
static bool EndsInNumber(std::string_view stem) {
  stem.remove_suffix(1);
  const std::size_t last = stem.find_last_not_of("0123456789");
  const std::string_view token = last == stem.npos ? stem : stem.substr(last + 1);
  return !token.empty() && (last == stem.npos || !IsLetter(stem[last]));
}

std::optional<PieceName> ParsePieceName(std::string_view name) {
  if (name.size() <= 2) return std::nullopt;
  std::size_t length = 2;
  if (IsDigit(name.back())) {
    const std::size_t last = name.find_last_not_of("0123456789");
    if (last == name.npos) return std::nullopt;
    length = name.size() - 1 - last;
    if (length < 2 || length > kMaxDigits) return std::nullopt;
    if (EndsInNumber(name.substr(0, name.size() - length))) return std::nullopt;
  } else if (!IsLetter(name.back()) || !IsLetter(name[name.size() - 2])) {
    return std::nullopt;
  }
  return PieceName{name.substr(0, name.size() - length), name.substr(name.size() - length)};
}

std::optional<std::string> WholeName(std::string_view first) {
  const auto piece = ParsePieceName(first);
  if (!piece || !piece->first()) return std::nullopt;
  std::string_view whole = piece->stem;
  const auto drop_marks = [&whole] {
    const std::size_t last = whole.find_last_not_of("._-");
    if (last != whole.npos && whole[last] != '/') whole = whole.substr(0, last + 1);
  };
  drop_marks();
  constexpr std::string_view kPart = ".part";
  if (whole.ends_with(kPart)) whole.remove_suffix(kPart.size());
  drop_marks();
  return std::string(whole);
}

std::optional<std::string> NextPieceName(std::string_view name) {
  const auto piece = ParsePieceName(name);
  if (!piece) return std::nullopt;
  std::string next(name);
  const char first = piece->digits() ? '0' : 'a';
  const char last = piece->digits() ? '9' : 'z';
  for (std::size_t i = next.size(); i > piece->stem.size(); --i) {
    if (next[i - 1] != last) {
      ++next[i - 1];
      return next;
    }
    next[i - 1] = first;
  }
  return std::nullopt;
}

std::string TellPieces(std::size_t count) { return "in " + std::to_string(count) + " pieces"; }

// tar files are left out: split at a multiple of 512 bytes, pieces of one begin with a header, too.
bool BeginsAnew(std::string_view first, std::string_view head) {
  constexpr std::array kBegins = {LooksLikeDump, LooksLikeSqlDump, LooksLikeRdb,
                                  LooksLikeMongoArchive};
  // What is packed may hold these bytes anywhere: where it begins as the first does is no accident.
  constexpr std::size_t kPackedMagic = 4;
  const auto packing = DetectCompression(head);
  if (packing && packing == DetectCompression(first)) {
    return head.substr(0, kPackedMagic) == first.substr(0, kPackedMagic);
  }
  return std::any_of(kBegins.begin(), kBegins.end(),
                     [head](const auto& begins) { return begins(head); });
}

std::optional<PiecesVerdict> JudgePieces(const std::string& first, const std::string& relative,
                                         const Checksums& checksums, const OpenPiece& open,
                                         ReadBudget& budget) {
  const auto whole = WholeName(first);
  auto pieces = whole ? FindPieces(first, open) : Pieces();
  if (!pieces || pieces->names.size() < 2) return std::nullopt;
  const Opener opener = [&](DigestTee* tee) -> Walked<OpenedFile> {
    return OpenedFile{std::make_unique<PiecesSource>(pieces->names, open, tee), pieces->size};
  };
  // Told by their names are formats that nothing inside tells.
  const std::string name = whole->substr(whole->rfind('/') + 1);
  Verdict verdict = VerifyStream(opener, relative, checksums, budget,
                                 [&name](Reader& reader) { return WalkStream(reader, name); });
  verdict.details.push_back(TellPieces(pieces->names.size()));
  pieces->names.erase(pieces->names.begin());
  return PiecesVerdict{std::move(verdict), std::move(pieces->names)};
}

PiecesVerdict JudgeWithPieces(Verdict alone, const std::string& name, const std::string& relative,
                              const Checksums& of_whole, const OpenPiece& open,
                              ReadBudget& budget) {
  const auto whole = WholeName(name);
  if (!whole || alone.checksum == ChecksumState::kMismatched) return {std::move(alone), {}};
  const bool broken = alone.outcome == Outcome::kBroken;
  const std::string listed = relative.empty() ? "" : *whole;
  // If what was cut still lies there, it is what they speak of.
  const bool said = (broken || alone.level <= Level::kChecksum) && !of_whole.Find(listed).empty() &&
                    IsMissing(open(*whole));
  if (!broken && !said) return {std::move(alone), {}};
  const Checksums none("", std::make_shared<const ChecksumFolder>(), nullptr);
  auto joined = JudgePieces(name, said ? listed : relative, said ? of_whole : none, open, budget);
  if (!joined) return {std::move(alone), {}};
  if (!said && joined->verdict.outcome == Outcome::kBroken) {
    const std::string told = TellPieces(joined->others.size() + 1);
    alone.details.push_back(told + ": " + joined->verdict.ToString());
    return {std::move(alone), {}};
  }
  return *std::move(joined);
}

}  // namespace drwatch::verify
