#include "verify/content_check.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstdlib>

#include "verify/wide_registers.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::string LittleEndian(std::uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

}  // namespace

std::uint32_t Crc32c(std::uint32_t crc, std::string_view bytes) {
  constexpr std::size_t kStepBytes = 1 << 30;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kStepBytes);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    crc = ~crc32_iscsi(data, static_cast<int>(part.size()), ~crc);
    bytes.remove_prefix(part.size());
  }
  ForgetUpperHalves();
  return crc;
}

// Printed in the byte order of the server's machine.
bool IsCrc32c(std::uint32_t crc, std::string_view checksum) {
  std::string bytes = LittleEndian(crc);
  if (bytes == checksum) return true;
  std::reverse(bytes.begin(), bytes.end());
  return bytes == checksum;
}

ContentCheck::ContentCheck(const ManifestFile& file, DigestLane* lane) : file_(file) {
  if (file.kind == ManifestChecksum::kDigest) digest_.emplace(file.algorithm, lane);
}

void ContentCheck::Update(std::string_view bytes) {
  size_ += static_cast<std::int64_t>(bytes.size());
  if (digest_) {
    digest_->Update(bytes);
  } else if (file_.kind == ManifestChecksum::kCrc32c) {
    crc_ = Crc32c(crc_, bytes);
  }
}

Walked<void> ContentCheck::Finish() {
  const auto fault = [this](Reason reason, std::string message) {
    return tl::unexpected(
        Fault{Outcome::kBroken, reason, std::string(file_.path()), std::move(message)});
  };
  if (size_ != file_.size) {
    return fault(
        size_ < file_.size ? Reason::kIncomplete : Reason::kCorrupt,
        "has " + std::to_string(size_) + " bytes, the manifest says " + std::to_string(file_.size));
  }
  const bool right = [this] {
    switch (file_.kind) {
      case ManifestChecksum::kNone:
        return true;
      case ManifestChecksum::kDigest:
        return digest_->Finish() == file_.checksum();
      case ManifestChecksum::kCrc32c:
        return IsCrc32c(crc_, file_.checksum());
    }
    std::abort();
  }();
  if (!right) return fault(Reason::kCorrupt, "its checksum differs");
  return {};
}

}  // namespace drwatch::verify
