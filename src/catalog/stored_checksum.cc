#include "catalog/stored_checksum.h"

#include <algorithm>
#include <array>

#include "base/digest.h"
#include "base/strings.h"
#include "verify/crc.h"

namespace drwatch::catalog {
namespace {

using base::DigestAlgorithm;

// Something that turns bytes into a raw digest, again and again.
class Hasher {
 public:
  virtual ~Hasher() = default;
  virtual void Update(std::string_view bytes) = 0;
  // Begins anew afterwards.
  virtual std::string Finish() = 0;
};

class DigestHasher final : public Hasher {
 public:
  explicit DigestHasher(DigestAlgorithm algorithm) : algorithm_(algorithm), digest_(algorithm) {}
  void Update(std::string_view bytes) override { digest_.Update(bytes); }
  std::string Finish() override {
    std::string raw = digest_.Finish();
    digest_ = base::Digest(algorithm_);
    return raw;
  }

 private:
  DigestAlgorithm algorithm_;
  base::Digest digest_;
};

// A CRC of `Number`'s width, as S3 writes it: the highest byte first.
template <typename Number>
class CrcHasher final : public Hasher {
 public:
  explicit CrcHasher(Number (*update)(Number, std::string_view)) : update_(update) {}
  void Update(std::string_view bytes) override { crc_ = update_(crc_, bytes); }
  std::string Finish() override {
    std::string raw(sizeof(Number), '\0');
    for (std::size_t i = 0; i < raw.size(); ++i) {
      raw[raw.size() - 1 - i] = static_cast<char>(crc_ >> (8 * i) & 0xff);
    }
    crc_ = 0;
    return raw;
  }

 private:
  Number (*update_)(Number, std::string_view);
  Number crc_ = 0;
};

std::unique_ptr<Hasher> MakeHasher(std::string_view name) {
  if (name == "crc64nvme") return std::make_unique<CrcHasher<std::uint64_t>>(verify::Crc64Nvme);
  if (name == "crc32c") return std::make_unique<CrcHasher<std::uint32_t>>(verify::Crc32c);
  if (name == "crc32") return std::make_unique<CrcHasher<std::uint32_t>>(verify::Crc32);
  if (name == "sha256") return std::make_unique<DigestHasher>(DigestAlgorithm::kSha256);
  if (name == "sha1") return std::make_unique<DigestHasher>(DigestAlgorithm::kSha1);
  if (name == "md5") return std::make_unique<DigestHasher>(DigestAlgorithm::kMd5);
  return nullptr;
}

// The object in one piece, or the digest of its parts' digests.
class AnyChecksum final : public StoredChecksum {
 public:
  // `part_bytes` 0: in one piece.
  AnyChecksum(std::string name, std::unique_ptr<Hasher> hasher, std::string expected,
              std::int64_t part_bytes)
      : name_(std::move(name)),
        hasher_(std::move(hasher)),
        expected_(std::move(expected)),
        part_bytes_(part_bytes) {}

  void Update(std::string_view bytes) override {
    while (part_bytes_ > 0 && !bytes.empty()) {
      const auto room = static_cast<std::size_t>(part_bytes_ - in_part_);
      const std::string_view now = bytes.substr(0, room);
      hasher_->Update(now);
      in_part_ += static_cast<std::int64_t>(now.size());
      bytes.remove_prefix(now.size());
      if (in_part_ == part_bytes_) EndPart();
    }
    if (!bytes.empty()) hasher_->Update(bytes);
  }
  bool Matches() override {
    if (part_bytes_ > 0) {
      if (in_part_ > 0) EndPart();
      hasher_->Update(parts_);
    }
    return hasher_->Finish() == expected_;
  }
  std::string Name() const override { return name_; }

 private:
  void EndPart() {
    parts_ += hasher_->Finish();
    in_part_ = 0;
  }

  const std::string name_;
  const std::unique_ptr<Hasher> hasher_;
  const std::string expected_;
  const std::int64_t part_bytes_;
  std::int64_t in_part_ = 0;
  std::string parts_;
};

// Several of one object, of which one may match.
class AnyOfThem final : public StoredChecksum {
 public:
  explicit AnyOfThem(std::vector<std::unique_ptr<StoredChecksum>> all) : all_(std::move(all)) {}

  void Update(std::string_view bytes) override {
    for (const auto& one : all_) one->Update(bytes);
  }
  bool Matches() override {
    return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one->Matches(); });
  }
  std::string Name() const override { return all_.front()->Name(); }

 private:
  const std::vector<std::unique_ptr<StoredChecksum>> all_;
};

// An ETag is the MD5 of the bytes unless a key of somebody's own encrypts them.
bool EtagSpeaksOfBytes(const net::S3Head& head) {
  return head.encryption.empty() || head.encryption == "AES256" || head.encryption == "google";
}

}  // namespace

std::optional<int> PartsOfEtag(std::string_view etag) {
  const std::size_t dash = etag.rfind('-');
  if (dash == etag.npos) return std::nullopt;
  const auto parts = base::ParseInt(etag.substr(dash + 1));
  constexpr std::int64_t kMaxParts = 10'000;  // S3's own limit
  if (!parts || *parts < 1 || *parts > kMaxParts) return std::nullopt;
  return static_cast<int>(*parts);
}

bool PartsFit(std::int64_t size, std::int64_t part_bytes, int parts) {
  if (part_bytes <= 0) return false;
  return std::max<std::int64_t>(1, size / part_bytes + (size % part_bytes > 0 ? 1 : 0)) == parts;
}

std::vector<std::int64_t> GuessPartBytes(std::int64_t size, int parts) {
  constexpr std::int64_t kMiB = 1 << 20;
  constexpr std::int64_t kLargestPart = 5 * 1024 * kMiB;  // S3's own limit
  std::vector<std::int64_t> guesses;
  const auto take = [&](std::int64_t part_bytes) {
    const bool known = std::find(guesses.begin(), guesses.end(), part_bytes) != guesses.end();
    const bool fits = parts > 1 && part_bytes <= kLargestPart && PartsFit(size, part_bytes, parts);
    if (fits && !known && guesses.size() < kMaxGuesses) guesses.push_back(part_bytes);
  };
  for (const int usual : {8, 5, 16, 15, 10, 32, 50, 64, 100, 128}) take(usual * kMiB);
  // Programs that grow the parts until 10 000 of them suffice.
  for (std::int64_t power = kMiB; power <= kLargestPart; power *= 2) take(power);
  const std::int64_t smallest = (size + parts - 1) / std::max(1, parts);
  take((smallest + kMiB - 1) / kMiB * kMiB);
  return guesses;
}

std::unique_ptr<StoredChecksum> StoredChecksum::Guess(const net::S3Head& head,
                                                      const std::vector<std::int64_t>& guesses) {
  std::vector<std::unique_ptr<StoredChecksum>> all;
  for (const std::int64_t part_bytes : guesses) {
    if (auto one = Choose(head, part_bytes)) all.push_back(std::move(one));
  }
  return all.empty() ? nullptr : std::make_unique<AnyOfThem>(std::move(all));
}

std::unique_ptr<StoredChecksum> StoredChecksum::Choose(const net::S3Head& head,
                                                       std::int64_t part_bytes) {
  // The strongest first; all of them tell bytes that changed by themselves.
  constexpr std::array<const char*, 6> kOrder = {"sha256", "crc64nvme", "crc32c",
                                                 "crc32",  "sha1",      "md5"};
  for (const char* name : kOrder) {
    const auto found = head.checksums.find(name);
    if (found == head.checksums.end() || (head.composite && part_bytes == 0)) continue;
    return std::make_unique<AnyChecksum>(name, MakeHasher(name), found->second,
                                         head.composite ? part_bytes : 0);
  }
  const auto parts = PartsOfEtag(head.etag);
  const auto md5 = base::ParseHex(head.etag.substr(0, head.etag.find('-')));
  constexpr std::size_t kMd5Bytes = 16;
  if (!md5 || md5->size() != kMd5Bytes || !EtagSpeaksOfBytes(head)) return nullptr;
  if (head.etag.find('-') != std::string::npos && (!parts || part_bytes == 0)) return nullptr;
  return std::make_unique<AnyChecksum>("ETag", MakeHasher("md5"), *md5, parts ? part_bytes : 0);
}

}  // namespace drwatch::catalog
