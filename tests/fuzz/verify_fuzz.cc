// Any bytes as an artefact end in a verdict, which does not depend on how the bytes arrive. The
// input is a file's name, a newline, and its content: the name and the content choose the reader,
// as they do in the program.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/strings.h"
#include "catalog/name_time.h"
#include "fuzz.h"
#include "verify/checksum_list.h"
#include "verify/decoder.h"
#include "verify/format.h"
#include "verify/manifest.h"
#include "verify/wal_files.h"

namespace drwatch::verify {
namespace {

using fuzz::Check;

// Bytes in pieces, none longer than `size`, each gone when the next one comes.
class PieceSource final : public Source {
 public:
  PieceSource(std::string_view bytes, std::size_t size) : left_(bytes), size_(size) {}
  Walked<std::string_view> Next() override {
    piece_ = std::string(left_.substr(0, size_));
    left_.remove_prefix(piece_.size());
    return piece_;
  }

 private:
  std::string_view left_;
  std::size_t size_;
  std::string piece_;
};

std::string Told(const Walked<Walk>& walk) {
  if (walk) {
    return walk->format + " level " + std::to_string(static_cast<int>(walk->level)) + " " +
           base::Join(walk->details, "; ");
  }
  const Fault& fault = walk.error();
  // Without the place: of packed data it is where the piece begins that could not be unpacked.
  return std::string(OutcomeName(fault.outcome)) + " " +
         std::string(model::ReasonName(fault.reason)) + " " + fault.message;
}

void CheckFault(const Fault& fault) {
  Check(fault.outcome != Outcome::kIntact && fault.reason != model::Reason::kNone &&
            !fault.message.empty(),
        "a fault that says nothing: " + fault.message);
}

void CheckStream(const std::string& name, std::string_view content) {
  MemorySource whole(content);
  Reader whole_reader(whole);
  const auto walk = WalkStream(whole_reader, name);
  if (!walk) CheckFault(walk.error());
  // No piece is as long as a header, and most things fall between two.
  constexpr std::size_t kPieceBytes = 61;
  PieceSource pieces(content, kPieceBytes);
  Reader piece_reader(pieces);
  const auto again = WalkStream(piece_reader, name);
  // What a decoder had unpacked before it failed it may have handed on or not.
  const bool both_fail = DetectCompression(content) && !walk && !again;
  Check(both_fail || Told(walk) == Told(again),
        "pieces make a difference:\n" + Told(walk) + "\n" + Told(again));
}

void CheckManifest(std::string_view content) {
  (void)ParseManifest(content);
  // With the checksum that belongs to it: else hardly any gets past it.
  std::string text = std::string(content) + "\n";
  const std::string digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, text);
  text += "\"Manifest-Checksum\": \"" + base::Hex(digest) + "\"}\n";
  const auto manifest = ParseManifest(text);
  if (!manifest) return CheckFault(manifest.error());
  for (const ManifestFile& file : manifest->files) {
    Check(!file.path.empty() && file.size >= 0, "an impossible file: " + file.path);
  }
  // What the files begin with is at hand only here, and as good as any.
  WalFiles wal;
  for (const ManifestFile& file : manifest->files) {
    wal.Add(file.path, file.size, std::string_view(file.checksum));
  }
  if (const auto checked = wal.Check(manifest->wal); !checked) CheckFault(checked.error());
}

void CheckList(std::string_view content, const ChecksumFileName& kind) {
  const ChecksumList list = ParseChecksumList(content, kind.algorithm);
  for (const ChecksumEntry& entry : list.entries) {
    Check(!entry.digest.empty() && entry.digest.size() <= 64, "a digest of impossible length");
  }
}

void CheckArtefact(std::string_view input) {
  const std::size_t end = input.find('\n');
  const std::string name(input.substr(0, end));
  const std::string_view content =
      end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
  (void)catalog::ParseNameTime(name);
  if (const auto kind = ParseChecksumFileName(name)) {
    CheckList(content, *kind);
  } else if (name == "backup_manifest") {
    CheckManifest(content);
  } else {
    CheckStream(name, content);
  }
}

}  // namespace
}  // namespace drwatch::verify

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::verify::CheckArtefact(drwatch::fuzz::Text(data, size));
  return 0;
}
