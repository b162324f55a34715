#include "catalog/pgbackrest_pieces.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "verify/decoder.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Fault;
using verify::PgBackRestFile;
using verify::Walked;

constexpr std::int64_t kChunkBytes = 256 << 10;
// What tells a compression.
constexpr std::size_t kMagicBytes = 16;

// A part of what a reader gives, hashed on the way as it is stored.
class Slice final : public verify::Source {
 public:
  Slice(verify::Reader& input, std::int64_t bytes) : input_(input), left_(bytes) {}
  Walked<std::string_view> Next() override {
    auto bytes = input_.Some(std::min(left_, kChunkBytes));
    if (!bytes) return bytes;
    if (bytes->empty() && left_ > 0) {
      return verify::Broken(Reason::kIncomplete, input_.offset(), "ends in it");
    }
    left_ -= static_cast<std::int64_t>(bytes->size());
    return bytes;
  }
  std::int64_t left() const { return left_; }

 private:
  verify::Reader& input_;
  std::int64_t left_;
};

bool Equal(const std::string& digest, const verify::Sha1& expected) {
  return digest == std::string_view(expected.data(), expected.size());
}

// Hashes all that is left of `source`, which must be `bytes` long.
Walked<std::string> HashAll(verify::Source& source, std::int64_t bytes, verify::DigestLane* lane) {
  verify::StreamDigest digest(base::DigestAlgorithm::kSha1, lane);
  std::int64_t total = 0;
  while (true) {
    auto part = source.Next();
    if (!part) return tl::unexpected(std::move(part.error()));
    if (part->empty()) break;
    total += static_cast<std::int64_t>(part->size());
    if (total > bytes) return verify::Broken(Reason::kCorrupt, total, "longer than it was");
    digest.Update(*part);
  }
  if (total < bytes) return verify::Broken(Reason::kIncomplete, total, "shorter than it was");
  return digest.Finish();
}

class ObjectCheck {
 public:
  ObjectCheck(Place& place, const StoredPieces& pieces, const verify::PgBackRestManifest& manifest,
              ProvenFiles& proven, verify::ReadBudget& budget)
      : place_(place), pieces_(pieces), manifest_(manifest), proven_(proven), budget_(budget) {}

  PieceFindings Run();

 private:
  void Damaged(const PgBackRestFile* file, Fault fault) {
    findings_.damages.push_back({file, std::move(fault)});
  }
  // Also notes why they cannot be where they should.
  std::vector<const PgBackRestFile*> FilesToRead();
  Walked<void> CheckOne(const PgBackRestFile& file, Slice& slice);
  Walked<void> CheckStored(const PgBackRestFile& file, Slice& slice);
  Walked<void> CheckUnpacked(const PgBackRestFile& file, Slice& slice);

  Place& place_;
  const StoredPieces& pieces_;
  const verify::PgBackRestManifest& manifest_;
  ProvenFiles& proven_;
  verify::ReadBudget& budget_;
  PieceFindings findings_;
};

// The bytes as they are stored, and the map behind them.
Walked<void> ObjectCheck::CheckStored(const PgBackRestFile& file, Slice& slice) {
  if (file.map_bytes > verify::kMaxBlockMapBytes) {
    return verify::Unjudged(Reason::kLimit, "its block map is longer than 16 MiB");
  }
  verify::StreamDigest digest(base::DigestAlgorithm::kSha1, budget_.lane());
  std::string map;
  while (slice.left() > 0) {
    auto part = slice.Next();
    if (!part) return tl::unexpected(std::move(part.error()));
    digest.Update(*part);
    // What of the part lies behind the start of the map.
    const std::int64_t from = slice.left() + static_cast<std::int64_t>(part->size());
    const std::int64_t skipped = std::max<std::int64_t>(0, from - file.map_bytes);
    if (skipped < static_cast<std::int64_t>(part->size())) {
      map += part->substr(static_cast<std::size_t>(skipped));
    }
  }
  if (file.repo_checksum && !Equal(digest.Finish(), *file.repo_checksum)) {
    return verify::Broken(Reason::kCorrupt, file.offset, "its stored bytes are not what they were");
  }
  if (!file.repo_checksum) ++findings_.unproven;
  if (file.map_bytes == 0) return {};
  auto extents = verify::ReadBlockMap(map, file, manifest_.references.size());
  if (!extents) return tl::unexpected(std::move(extents.error()));
  findings_.maps.push_back({&file, std::move(*extents)});
  return {};
}

Walked<void> ObjectCheck::CheckUnpacked(const PgBackRestFile& file, Slice& slice) {
  const std::string ending = verify::PgBackRestEnding(manifest_.compression).value_or("");
  const auto packed = verify::CompressionOfName(ending);
  verify::Reader inner(slice);
  std::unique_ptr<verify::Decoder> decoder;
  if (packed) {
    auto head = inner.Peek(kMagicBytes);
    if (!head) return tl::unexpected(std::move(head.error()));
    if (verify::DetectCompression(*head) != packed) {
      return verify::Broken(Reason::kCorrupt, file.offset,
                            "no " + std::string(verify::CompressionName(*packed)) + " data");
    }
    decoder = verify::MakeDecoder(*packed, inner);
  }
  auto digest =
      HashAll(decoder ? static_cast<verify::Source&>(*decoder) : slice, file.size, budget_.lane());
  if (!digest) return tl::unexpected(std::move(digest.error()));
  if (file.checksum && !Equal(*digest, *file.checksum)) {
    return verify::Broken(Reason::kCorrupt, file.offset, "its content is not what it was");
  }
  return {};
}

Walked<void> ObjectCheck::CheckOne(const PgBackRestFile& file, Slice& slice) {
  if (file.repo_checksum || file.map_bytes > 0) return CheckStored(file, slice);
  // Deflate without its frame carries no checksum, and what it is packed to is not known.
  const bool framed = !(manifest_.raw && file.bundle > 0 && manifest_.compression == "gz");
  return framed ? CheckUnpacked(file, slice) : CheckStored(file, slice);
}

std::vector<const PgBackRestFile*> ObjectCheck::FilesToRead() {
  std::vector<const PgBackRestFile*> files;
  for (const PgBackRestFile& file : pieces_.files) {
    const std::int64_t end = file.offset + file.repo_bytes;
    const bool fits = file.bundle > 0 ? end <= pieces_.bytes : end == pieces_.bytes;
    if (!fits) {
      const bool less = pieces_.bytes < end;
      Damaged(&file,
              {verify::Outcome::kBroken,
               less ? Reason::kIncomplete : Reason::kCorrupt,
               {},
               std::string(less ? "cut off: " : "too long: ") + std::to_string(pieces_.bytes) +
                   " bytes are stored, not " + std::to_string(end)});
    } else if (!proven_.Holds(PieceKey(pieces_, file), budget_.options().reuse)) {
      files.push_back(&file);
    }
  }
  return files;
}

PieceFindings ObjectCheck::Run() {
  const auto files = FilesToRead();
  if (files.empty()) return std::move(findings_);
  auto source = place_.Open(pieces_.object, budget_, nullptr);
  if (!source) {
    Damaged(nullptr, std::move(source.error()));
    return std::move(findings_);
  }
  // What is packed nowhere is not read in any other way.
  if (!verify::CompressionOfName(verify::PgBackRestEnding(manifest_.compression).value_or(""))) {
    (*source)->OnlyHash();
  }
  verify::Reader reader(**source);
  for (const PgBackRestFile* file : files) {
    if (file->offset < reader.offset()) {
      Damaged(file, {verify::Outcome::kBroken,
                     Reason::kCorrupt,
                     {},
                     "the manifest puts two files in one place"});
      continue;
    }
    auto at = reader.Skip(file->offset - reader.offset(), "what lies before it");
    Slice slice(reader, file->repo_bytes);
    auto checked = at ? CheckOne(*file, slice) : at;
    if (!checked && (*source)->changed()) {
      checked = verify::Unjudged(Reason::kUnverified, "it was changed while it was read");
    }
    if (checked) {
      if (file->map_bytes == 0) proven_.Put(PieceKey(pieces_, *file));
      continue;
    }
    const bool broken = checked.error().outcome == verify::Outcome::kBroken;
    Damaged(file, std::move(checked.error()));
    // Not judged: what comes behind it will not be either.
    if (!broken || !reader.Skip(slice.left(), "it")) break;
  }
  return std::move(findings_);
}

}  // namespace

std::uint64_t PieceKey(const StoredPieces& pieces, const PgBackRestFile& file) {
  std::string text = pieces.object + "\n" + std::to_string(pieces.fingerprint) + " " +
                     std::to_string(file.offset) + " " + std::to_string(file.repo_bytes) + " ";
  const auto& checksum = file.repo_checksum ? file.repo_checksum : file.checksum;
  if (checksum) text.append(checksum->data(), checksum->size());
  return StampOf(text);
}

PieceFindings CheckPieces(Place& place, const StoredPieces& pieces,
                          const verify::PgBackRestManifest& manifest, ProvenFiles& proven,
                          verify::ReadBudget& budget) {
  return ObjectCheck(place, pieces, manifest, proven, budget).Run();
}

}  // namespace drwatch::catalog
