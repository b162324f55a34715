#include "catalog/wal_check.h"

#include <functional>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/format.h"
#include "verify/recognise.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Outcome;

constexpr std::int64_t kChunkBytes = 256 << 10;

// Passes on what `input` gives and hashes it on the way.
class HashingSource final : public verify::Source {
 public:
  HashingSource(verify::Reader& input, verify::DigestLane* lane)
      : input_(input), digest_(base::DigestAlgorithm::kSha1, lane) {}
  verify::Walked<std::string_view> Next() override {
    auto bytes = input_.Some(kChunkBytes);
    if (bytes) digest_.Update(*bytes);
    return bytes;
  }
  std::string Finish() { return base::Hex(digest_.Finish()); }

 private:
  verify::Reader& input_;
  verify::StreamDigest digest_;
};

verify::Walked<verify::WalSegmentFacts> WalkHashed(verify::Reader& inner,
                                                   const verify::WalSegmentOptions& options,
                                                   verify::DigestLane* lane) {
  if (options.name->sha1.empty()) return verify::WalkWalSegment(inner, options);
  HashingSource hashing(inner, lane);
  verify::Reader reader(hashing);
  auto facts = verify::WalkWalSegment(reader, options);
  if (!facts) return facts;
  if (hashing.Finish() != options.name->sha1) {
    return verify::Broken(Reason::kCorrupt, 0, "its SHA-1 is not the one in its name");
  }
  return facts;
}

// Leaves unread what is behind the start.
verify::Walked<void> WalkStart(verify::Reader& file, const std::string& name,
                               const verify::WalSegmentOptions& options,
                               verify::WalSegmentFacts& facts) {
  auto head = file.Peek(verify::kHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  const auto packing = verify::DetectCompression(*head, name);
  const auto decoder = packing ? verify::MakeDecoder(*packing, file) : nullptr;
  auto walked = [&] {
    if (!decoder) return verify::WalkWalSegment(file, options);
    verify::Reader inner(*decoder);
    return verify::WalkWalSegment(inner, options);
  }();
  if (!walked) return tl::unexpected(std::move(walked.error()));
  facts = *std::move(walked);
  return {};
}

// A packing that only the name tells holds anything, and an encrypted segment has the same name.
bool HoldsWal(Place& place, const PlaceObject& object, verify::Compression packing,
              verify::ReadBudget& budget) {
  auto source = place.Open(object.name, budget, nullptr);
  if (!source) return false;
  verify::Reader file(**source);
  const auto decoder = verify::MakeDecoder(packing, file);
  verify::Reader inner(*decoder);
  const auto head = inner.Peek(verify::kHeadBytes);
  return head && verify::LooksLikeWal(*head);
}

// Empty unless its content keeps to itself: encrypted, or packed in a way that is not known.
verify::Walked<std::string> ReasonNotToLook(verify::Reader& reader, const verify::WalFileName& name,
                                            const std::function<bool()>& holds_wal) {
  auto head = reader.Peek(verify::kHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (head->empty()) return verify::Broken(Reason::kTooSmall, 0, "the file is empty");
  const std::string_view program = verify::RecogniseEncryption(*head);
  if (!program.empty()) return "encrypted (" + std::string(program) + ")";
  const bool packed = verify::DetectCompression(*head).has_value();
  // pgBackRest packs in known ways only, and marks what it encrypts.
  const bool known = !name.sha1.empty();
  const std::string_view packer = verify::RecognisePacker(*head);
  if (!packer.empty() && !name.packed && !known) return "packed by " + std::string(packer);
  if (name.packed && !packed && !known && !verify::LooksLikeWal(*head) && !holds_wal()) {
    return std::string("packed in a way that is not known");
  }
  return std::string();
}

}  // namespace

WalCheck WalChecker::Check(const PlaceObject& object, verify::ReadBudget& budget) {
  return CheckExtent(object, Extent::kWhole, budget);
}

WalCheck WalChecker::CheckStart(const PlaceObject& object, verify::ReadBudget& budget) {
  return CheckExtent(object, Extent::kStart, budget);
}

WalCheck WalChecker::CheckExtent(const PlaceObject& object, Extent extent,
                                 verify::ReadBudget& budget) {
  WalCheck check;
  verify::WalSegmentOptions options;
  options.start_only = extent == Extent::kStart;
  options.name = verify::ParseWalFileName(object.name);
  options.being_packed = verify::IsBeingPacked(object.name);
  options.system_identifier = system_identifier_;
  const bool follows = carry_ && options.name && carry_timeline_ <= options.name->timeline;
  if (follows) options.before = &*carry_;
  const auto walk = [&]() -> verify::Walked<void> {
    if (!options.name) return verify::Unjudged(Reason::kWrongFormat, "not a segment's name");
    auto source = place_.Open(object.name, budget, nullptr);
    if (!source) return tl::unexpected(std::move(source.error()));
    verify::Reader file(**source);
    const auto packing = verify::CompressionOfName(object.name);
    auto hidden = ReasonNotToLook(
        file, *options.name, [&] { return packing && HoldsWal(place_, object, *packing, budget); });
    if (!hidden) return tl::unexpected(std::move(hidden.error()));
    if (!hidden->empty()) return verify::Unjudged(Reason::kUnverified, *hidden);
    if (options.start_only) return WalkStart(file, object.name, options, check.facts);
    auto walked = verify::WalkPacked(file, object.name,
                                     [&](verify::Reader& inner) -> verify::Walked<verify::Walk> {
                                       auto facts = WalkHashed(inner, options, budget.lane());
                                       if (!facts) return tl::unexpected(std::move(facts.error()));
                                       check.facts = std::move(*facts);
                                       return verify::Walk{};
                                     });
    if (!walked) return tl::unexpected(std::move(walked.error()));
    return {};
  }();
  carry_.reset();
  if (walk) {
    check.outcome = Outcome::kIntact;
    if (options.name->kind == verify::WalFileName::Kind::kSegment) {
      carry_ = check.facts.carry;
      carry_timeline_ = options.name->timeline;
    }
    return check;
  }
  check.outcome = walk.error().outcome;
  check.reason = walk.error().reason;
  check.text = (walk.error().place.empty() ? "" : walk.error().place + ": ") + walk.error().message;
  return check;
}

}  // namespace drwatch::catalog
