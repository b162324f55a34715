// What must hold of any bytes as a bundle of a pgBackRest repository.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "catalog/pgbackrest_pieces.h"
#include "verify/pgbackrest_manifest.h"
#include "walked.h"

namespace drwatch::fuzz::pgbackrest {

using verify::PgBackRestFile;
using verify::PgBackRestManifest;
using verify::Reader;

// A place with one object.
class OneObject final : public catalog::Place {
 public:
  OneObject(std::string_view bytes, bool slow) : bytes_(bytes), slow_(slow) {}
  std::string Describe() const override { return "memory"; }
  tl::expected<catalog::PlaceListing, catalog::Finding> List(
      const catalog::ListOptions& /*options*/, const catalog::PlaceContext& /*context*/) override {
    return {};
  }
  tl::expected<std::string, catalog::Finding> Read(
      const std::string& /*name*/, std::int64_t /*max_bytes*/,
      const catalog::PlaceContext& /*context*/) override {
    return std::string(bytes_);
  }
  tl::expected<std::string, catalog::Finding> ReadHead(
      const std::string& /*name*/, std::int64_t size,
      const catalog::PlaceContext& /*context*/) override {
    return std::string(bytes_.substr(0, static_cast<std::size_t>(size)));
  }
  verify::Walked<std::unique_ptr<verify::Source>> Open(const std::string& /*name*/,
                                                       verify::ReadBudget& /*budget*/,
                                                       verify::DigestTee* /*tee*/) override {
    if (slow_) return std::make_unique<ByteSource>(bytes_);
    return std::make_unique<verify::MemorySource>(bytes_);
  }

 private:
  const std::string_view bytes_;
  const bool slow_;
};

inline catalog::PieceFindings Judge(std::string_view bytes, bool slow,
                                    const std::vector<PgBackRestFile>& files,
                                    const PgBackRestManifest& manifest) {
  OneObject place(bytes, slow);
  catalog::ProvenFiles proven;
  verify::ReadBudget budget{verify::VerifyOptions{}};
  catalog::StoredPieces pieces;
  pieces.object = "bundle/1";
  pieces.bytes = static_cast<std::int64_t>(bytes.size());
  pieces.files = files;
  return catalog::CheckPieces(place, pieces, manifest, proven, budget);
}

// A manifest, a newline and the byte 1e, then the bundle of its files.
inline void CheckBundle(std::string_view content) {
  constexpr std::string_view kSeparator = "\n\x1e";
  const std::size_t end = content.find(kSeparator);
  if (end == content.npos) return;
  const std::string_view bytes = content.substr(end + kSeparator.size());
  verify::MemorySource source(content.substr(0, end + 1));
  Reader reader(source);
  std::vector<PgBackRestFile> files;
  const auto manifest = verify::ReadPgBackRestManifest(reader, [&files](PgBackRestFile& file) {
    if (file.bundle == 1 && file.reference < 0) files.push_back(file);
  });
  if (!manifest || files.empty()) return;
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.offset < b.offset; });
  const catalog::PieceFindings found = Judge(bytes, false, files, *manifest);
  const catalog::PieceFindings again = Judge(bytes, true, files, *manifest);
  Check(found.damages.size() == again.damages.size() && found.maps.size() == again.maps.size() &&
            found.unproven == again.unproven,
        "pieces make a difference");
  std::map<std::int64_t, verify::Fault> faults;
  for (const auto& damage : found.damages) {
    CheckFault(damage.fault);
    Check(damage.file != nullptr, "a memory that cannot be read");
    faults[damage.file->number] = damage.fault;
    // Reading ends there.
    if (damage.fault.outcome == verify::Outcome::kUnjudged) return;
  }
  for (const PgBackRestFile& file : files) {
    if (faults.contains(file.number)) continue;
    const auto size = static_cast<std::int64_t>(bytes.size());
    Check(file.offset + file.repo_bytes <= size, "a file that is not there, but whole");
    if (!file.repo_checksum) continue;
    const std::string sha1 = base::ComputeDigest(
        base::DigestAlgorithm::kSha1, bytes.substr(static_cast<std::size_t>(file.offset),
                                                   static_cast<std::size_t>(file.repo_bytes)));
    Check(sha1 == std::string_view(file.repo_checksum->data(), file.repo_checksum->size()),
          "a file that is damaged, but whole");
  }
}

}  // namespace drwatch::fuzz::pgbackrest
