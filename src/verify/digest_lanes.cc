#include "verify/digest_lanes.h"

#include <algorithm>
#include <utility>

namespace drwatch::verify {
namespace {

// Less than this is hashed at once: two switches take half a microsecond, in which one core hashes
// about so much.
constexpr std::size_t kWorthATurn = 1 << 10;

std::optional<ShaKind> KindOf(base::DigestAlgorithm algorithm) {
  if (algorithm == base::DigestAlgorithm::kSha1) return ShaKind::kSha1;
  if (algorithm == base::DigestAlgorithm::kSha256) return ShaKind::kSha256;
  return std::nullopt;
}

}  // namespace

void DigestLane::Hash(ShaKind kind, ShaState& state, std::string_view bytes) {
  const std::size_t blocks = bytes.size() / kShaBlockBytes;
  if (fiber_ == nullptr) {
    const ShaStream stream{&state, bytes.data()};
    return HashBlocks(kind, {&stream, 1}, blocks);
  }
  kind_ = kind;
  stream_ = {&state, bytes.data()};
  blocks_ = blocks;
  while (blocks_ > 0) fiber_->Yield();
}

void DigestLanes::HashTogether(ShaKind kind) {
  std::array<DigestLane*, kMaxLanes> taking{};
  std::array<ShaStream, kMaxLanes> streams;
  std::size_t count = 0;
  std::size_t blocks = SIZE_MAX;
  for (DigestLane& lane : lanes_) {
    if (lane.blocks_ == 0 || lane.kind_ != kind) continue;
    blocks = std::min(blocks, lane.blocks_);
    streams[count] = lane.stream_;
    taking[count++] = &lane;
  }
  if (count == 0) return;
  HashBlocks(kind, {streams.data(), count}, blocks);
  for (std::size_t i = 0; i < count; ++i) {
    taking[i]->stream_.data += blocks * kShaBlockBytes;
    taking[i]->blocks_ -= blocks;
  }
}

void DigestLanes::Run(std::size_t lanes, const std::function<void(DigestLane&)>& work) {
  std::size_t running = 0;
  for (; running < lanes; ++running) {
    DigestLane& lane = lanes_[running];
    lane.fiber_ = base::Fiber::Make([&work, &lane] { work(lane); });
    if (lane.fiber_ == nullptr) break;
  }
  // Without a stack of its own it runs on the thread's.
  if (running == 0) return work(lanes_[0]);
  while (running > 0) {
    for (DigestLane& lane : lanes_) {
      if (lane.fiber_ == nullptr || lane.blocks_ > 0) continue;
      lane.fiber_->Resume();
      if (!lane.fiber_->ended()) continue;
      lane.fiber_.reset();
      --running;
    }
    HashTogether(ShaKind::kSha1);
    HashTogether(ShaKind::kSha256);
  }
}

StreamDigest::StreamDigest(base::DigestAlgorithm algorithm, DigestLane* lane) : lane_(lane) {
  const auto kind = KindOf(algorithm);
  if (lane == nullptr || !kind) {
    plain_.emplace(algorithm);
    return;
  }
  kind_ = *kind;
  state_ = ShaStart(kind_);
}

void StreamDigest::HashWhole(std::string_view blocks) {
  if (blocks.size() >= kWorthATurn) return lane_->Hash(kind_, state_, blocks);
  const ShaStream stream{&state_, blocks.data()};
  HashBlocks(kind_, {&stream, 1}, blocks.size() / kShaBlockBytes);
}

void StreamDigest::Update(std::string_view bytes) {
  if (blake2b_) return blake2b_->Update(bytes);
  if (plain_) return plain_->Update(bytes);
  const std::size_t held = bytes_ % kShaBlockBytes;
  bytes_ += bytes.size();
  if (held > 0) {
    const std::size_t part = std::min(kShaBlockBytes - held, bytes.size());
    std::copy_n(bytes.data(), part, rest_.data() + held);
    bytes.remove_prefix(part);
    if (held + part < kShaBlockBytes) return;
    HashWhole({rest_.data(), rest_.size()});
  }
  const std::size_t whole = bytes.size() / kShaBlockBytes * kShaBlockBytes;
  if (whole > 0) HashWhole(bytes.substr(0, whole));
  std::copy_n(bytes.data() + whole, bytes.size() - whole, rest_.data());
}

std::string StreamDigest::Finish() {
  if (blake2b_) return blake2b_->Finish();
  if (plain_) return plain_->Finish();
  // FIPS 180-4, 5.1.1: a one bit, zeros, the length in bits.
  const std::uint64_t bits = bytes_ * 8;
  constexpr std::size_t kLengthBytes = 8;
  std::string end(1, '\x80');
  const std::size_t held = (bytes_ + 1 + kLengthBytes) % kShaBlockBytes;
  end.append((kShaBlockBytes - held) % kShaBlockBytes, '\0');
  for (int shift = 56; shift >= 0; shift -= 8) end += static_cast<char>(bits >> shift);
  Update(end);
  std::string digest;
  const std::size_t words = kind_ == ShaKind::kSha1 ? 5 : state_.size();
  for (std::size_t i = 0; i < words; ++i) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      digest += static_cast<char>(state_[i] >> shift);
    }
  }
  return digest;
}

}  // namespace drwatch::verify
