#include "verify/digest_lanes.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace drwatch::verify {
namespace {

// Less than this is hashed at once: giving a turn away takes some microseconds, in which one core
// hashes about so much.
constexpr std::size_t kWorthATurn = 16 << 10;

std::optional<ShaKind> KindOf(base::DigestAlgorithm algorithm) {
  if (algorithm == base::DigestAlgorithm::kSha1) return ShaKind::kSha1;
  if (algorithm == base::DigestAlgorithm::kSha256) return ShaKind::kSha256;
  return std::nullopt;
}

}  // namespace

DigestLanes::DigestLanes() {
  for (Lane& lane : lanes_) {
    if (::sem_init(&lane.turn, 0, 0) != 0) std::abort();
  }
}

DigestLanes::~DigestLanes() {
  for (Lane& lane : lanes_) ::sem_destroy(&lane.turn);
}

void DigestLanes::Start(std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; ++i) lanes_[i].state = State::kReady;
  Pass(lanes_[0]);
}

void DigestLanes::Wait(std::size_t self) {
  while (::sem_wait(&lanes_[self].turn) != 0) {
    if (errno != EINTR) std::abort();
  }
}

void DigestLanes::Pass(Lane& next) {
  if (::sem_post(&next.turn) != 0) std::abort();
}

DigestLanes::Lane* DigestLanes::Find(std::size_t self, State state) {
  for (std::size_t step = 1; step < kMaxLanes; ++step) {
    Lane& lane = lanes_[(self + step) % kMaxLanes];
    if (lane.state == state) return &lane;
  }
  return nullptr;
}

void DigestLanes::HashTogether(ShaKind kind) {
  std::array<Lane*, kMaxLanes> taking{};
  std::array<ShaStream, kMaxLanes> streams;
  std::size_t count = 0;
  std::size_t blocks = SIZE_MAX;
  for (Lane& lane : lanes_) {
    if (lane.state != State::kHashing || lane.kind != kind) continue;
    blocks = std::min(blocks, lane.blocks);
    streams[count] = lane.stream;
    taking[count++] = &lane;
  }
  if (count == 0) return;
  HashBlocks(kind, {streams.data(), count}, blocks);
  for (std::size_t i = 0; i < count; ++i) {
    taking[i]->stream.data += blocks * kShaBlockBytes;
    taking[i]->blocks -= blocks;
    if (taking[i]->blocks == 0) taking[i]->state = State::kReady;
  }
}

DigestLane::DigestLane(DigestLanes& group) : group_(group), index_(group.made_++) {
  if (index_ >= DigestLanes::kMaxLanes) std::abort();
  group_.Wait(index_);
}

DigestLane::~DigestLane() {
  using State = DigestLanes::State;
  group_.lanes_[index_].state = State::kLeft;
  DigestLanes::Lane* next = group_.Find(index_, State::kReady);
  if (next == nullptr) next = group_.Find(index_, State::kHashing);
  if (next != nullptr) DigestLanes::Pass(*next);
}

void DigestLane::Hash(ShaKind kind, ShaState& state, std::string_view bytes) {
  using State = DigestLanes::State;
  DigestLanes::Lane& self = group_.lanes_[index_];
  self.kind = kind;
  self.stream = {&state, bytes.data()};
  self.blocks = bytes.size() / kShaBlockBytes;
  self.state = State::kHashing;
  while (self.blocks > 0) {
    if (DigestLanes::Lane* const next = group_.Find(index_, State::kReady)) {
      DigestLanes::Pass(*next);
      group_.Wait(index_);
      continue;
    }
    group_.HashTogether(ShaKind::kSha1);
    group_.HashTogether(ShaKind::kSha256);
  }
  self.state = State::kReady;
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
