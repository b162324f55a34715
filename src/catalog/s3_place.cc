#include "catalog/s3_place.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "catalog/stored_checksum.h"
#include "net/s3_hints.h"

namespace drwatch::catalog {
namespace {

using model::Reason;

// Of what Next() hands out, so that the rate of reading is kept evenly.
constexpr std::size_t kChunkBytes = 256 << 10;

std::uint64_t FingerprintOf(const net::S3Object& object) {
  const std::string text = object.etag + "\n" + std::to_string(object.size) + "\n" +
                           std::to_string(base::ToUnixMillis(object.modified));
  const std::string digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, text);
  std::uint64_t fingerprint = 0;
  for (std::size_t i = 0; i < sizeof fingerprint; ++i) {
    fingerprint = fingerprint << 8 | static_cast<unsigned char>(digest[i]);
  }
  return fingerprint;
}

net::S3Call CallOf(const PlaceContext& context) { return {context.deadline, context.stop}; }

verify::Fault FaultOf(net::S3Error error) {
  if (net::IsAboutCustomerKey(error.code, error.message)) {
    return {
        verify::Outcome::kUnjudged,
        Reason::kUnverified,
        {},
        "it is encrypted with a key that comes with each request (SSE-C), which drwatch does not "
        "have"};
  }
  return {verify::Outcome::kUnjudged, error.reason, {}, std::move(error.message)};
}

// One object from its start, piece by piece.
class S3Source final : public verify::Source {
 public:
  S3Source(std::shared_ptr<net::S3Client> client, std::string key, verify::ReadBudget& budget,
           verify::DigestTee* tee)
      : client_(std::move(client)), key_(std::move(key)), budget_(budget), tee_(tee) {}

  verify::Walked<std::string_view> Next() override;
  verify::Attestation attestation() const override { return attestation_; }

 private:
  verify::Walked<void> Begin();
  verify::Fault WhyNotAsked(net::S3Error error) const;
  verify::Walked<void> Fetch();
  verify::Walked<void> End();
  void ChooseChecksum();
  std::int64_t PartBytes() const;
  bool PartsAreEqual() const;
  net::S3Call Call() const { return {budget_.options().deadline, budget_.options().stop}; }

  const std::shared_ptr<net::S3Client> client_;
  const std::string key_;
  verify::ReadBudget& budget_;
  verify::DigestTee* const tee_;
  std::optional<net::S3Head> head_;
  std::int64_t part_bytes_ = 0;
  std::unique_ptr<StoredChecksum> checksum_;
  bool guessed_ = false;  // the size of the parts for checksum_
  verify::Attestation attestation_ = verify::Attestation::kNone;
  std::string piece_;
  std::size_t given_ = 0;    // of piece_
  std::int64_t offset_ = 0;  // behind piece_
};

verify::Walked<void> S3Source::Begin() {
  net::S3Result<net::S3Head> head = client_->Head(key_, Call());
  if (!head) return tl::unexpected(WhyNotAsked(std::move(head.error())));
  if (NeedsRestore(*head)) {
    return verify::Unjudged(Reason::kUnverified,
                            "it lies in " + head->storage_class + " and must be restored first");
  }
  if (auto too_much = client_->TooMuchToRead(head->size)) {
    return verify::Unjudged(Reason::kLimit, *std::move(too_much));
  }
  head_ = *std::move(head);
  ChooseChecksum();
  if (checksum_) attestation_ = verify::Attestation::kAtTheEnd;
  return {};
}

// A HEAD is refused without a word; a GET says why.
verify::Fault S3Source::WhyNotAsked(net::S3Error error) const {
  if (error.status != 400) return FaultOf(std::move(error));
  net::S3Result<net::S3Range> said = client_->Get(key_, 0, 1, "", Call());
  return FaultOf(said ? std::move(error) : std::move(said.error()));
}

void S3Source::ChooseChecksum() {
  part_bytes_ = PartBytes();
  checksum_ = StoredChecksum::Choose(*head_, part_bytes_);
  const auto parts = PartsOfEtag(head_->etag);
  if (checksum_ || !parts || part_bytes_ > 0) return;
  checksum_ = StoredChecksum::Guess(*head_, GuessPartBytes(head_->size, *parts));
  guessed_ = checksum_ != nullptr;
}

// The size of each part but the last, as far as a look at the first and the last one tells.
std::int64_t S3Source::PartBytes() const {
  const auto parts = PartsOfEtag(head_->etag);
  if (!parts) return 0;
  if (*parts == 1) return std::max<std::int64_t>(1, head_->size);
  const net::S3Result<net::S3Head> first = client_->Head(key_, Call(), 1);
  if (!first || !PartsFit(head_->size, first->size, *parts)) return 0;
  const net::S3Result<net::S3Head> last = client_->Head(key_, Call(), *parts);
  const std::int64_t rest = head_->size - first->size * (*parts - 1);
  return last && last->size == rest ? first->size : 0;
}

// Looks at the parts between the first and the last one.
bool S3Source::PartsAreEqual() const {
  const int parts = PartsOfEtag(head_->etag).value_or(1);
  if (parts > S3Place::kMaxPartLooks) return false;
  for (int part = 2; part < parts; ++part) {
    const net::S3Result<net::S3Head> one = client_->Head(key_, Call(), part);
    if (!one || one->size != part_bytes_) return false;
  }
  return true;
}

verify::Walked<void> S3Source::Fetch() {
  const std::int64_t size = std::min(S3Place::kPieceBytes, head_->size - offset_);
  // Others may have read meanwhile.
  if (auto too_much = client_->TooMuchToRead(size)) {
    return verify::Unjudged(Reason::kLimit, *std::move(too_much));
  }
  net::S3Result<net::S3Range> range = client_->Get(key_, offset_, size, head_->etag, Call());
  if (!range) return tl::unexpected(FaultOf(std::move(range.error())));
  if (range->total != head_->size) {
    return verify::Unjudged(Reason::kUnverified, "it changed while it was read");
  }
  piece_ = std::move(range->bytes);
  given_ = 0;
  offset_ += static_cast<std::int64_t>(piece_.size());
  if (checksum_) checksum_->Update(piece_);
  return {};
}

verify::Walked<void> S3Source::End() {
  if (attestation_ != verify::Attestation::kAtTheEnd) return {};
  if (checksum_->Matches()) {
    attestation_ = verify::Attestation::kMatched;
    return {};
  }
  attestation_ = verify::Attestation::kNone;
  if (guessed_ || (part_bytes_ > 0 && !PartsAreEqual())) return {};
  return verify::Broken(Reason::kCorrupt, head_->size,
                        "the bytes are not those whose " + checksum_->Name() + " S3 keeps");
}

verify::Walked<std::string_view> S3Source::Next() {
  if (auto allowed = budget_.Spend(0); !allowed) return tl::unexpected(std::move(allowed.error()));
  verify::Walked<void> ready = head_ ? verify::Walked<void>() : Begin();
  if (ready && given_ == piece_.size()) ready = offset_ < head_->size ? Fetch() : End();
  if (!ready) return tl::unexpected(std::move(ready.error()));
  const std::string_view bytes = std::string_view(piece_).substr(given_, kChunkBytes);
  given_ += bytes.size();
  if (tee_ != nullptr) tee_->Update(bytes);
  const auto count = static_cast<std::int64_t>(bytes.size());
  if (auto allowed = budget_.Spend(count); !allowed) {
    return tl::unexpected(std::move(allowed.error()));
  }
  return bytes;
}

}  // namespace

Finding FindingOf(net::S3Error error) {
  return {error.reason, std::move(error.message), std::move(error.hint)};
}

bool NeedsRestore(const net::S3Head& head) {
  const bool archived = head.storage_class == "GLACIER" || head.storage_class == "DEEP_ARCHIVE" ||
                        !head.archive_status.empty();
  return archived && head.restore.find("ongoing-request=\"false\"") == std::string::npos;
}

S3Place::S3Place(std::shared_ptr<net::S3Client> client, std::string prefix)
    : client_(std::move(client)), prefix_(std::move(prefix)) {}

std::string S3Place::Describe() const {
  const std::string path = "s3://" + client_->bucket() + "/" + prefix_;
  return path.substr(0, path.size() - 1);
}

tl::expected<PlaceListing, Finding> S3Place::List(const ListOptions& options,
                                                  const PlaceContext& context) {
  PlaceListing listing;
  const TakeObject keep = [&](const PlaceObject& object) { listing.objects.push_back(object); };
  auto folders = Walk(options, context, keep);
  if (!folders) return tl::unexpected(std::move(folders.error()));
  listing.folders = *std::move(folders);
  return listing;
}

tl::expected<void, Finding> S3Place::Each(const ListOptions& options, const PlaceContext& context,
                                          const TakeObject& take) {
  auto folders = Walk(options, context, take);
  if (!folders) return tl::unexpected(std::move(folders.error()));
  return {};
}

// The folders.
tl::expected<std::vector<std::string>, Finding> S3Place::Walk(const ListOptions& options,
                                                              const PlaceContext& context,
                                                              const TakeObject& take) {
  net::S3ListRequest request;
  request.prefix = prefix_ + options.prefix;
  if (!options.start_after.empty()) request.start_after = prefix_ + options.start_after;
  if (options.one_level) request.delimiter = "/";
  request.max_objects = options.max_objects;
  net::S3Result<net::S3Listing> found = client_->List(request, CallOf(context));
  if (!found) return tl::unexpected(FindingOf(std::move(found.error())));
  for (const net::S3Object& object : found->objects) {
    if (object.key.ends_with('/') || object.key.size() == prefix_.size()) continue;
    PlaceObject one;
    one.name = object.key.substr(prefix_.size());
    one.size_bytes = object.size;
    one.modified = object.modified;
    one.fingerprint = FingerprintOf(object);
    take(one);
  }
  std::vector<std::string> folders;
  for (const std::string& folder : found->prefixes) {
    if (folder.size() > prefix_.size()) folders.push_back(folder.substr(prefix_.size()));
  }
  return folders;
}

tl::expected<std::string, Finding> S3Place::Read(const std::string& name, std::int64_t max_bytes,
                                                 const PlaceContext& context) {
  std::string content;
  std::string etag;
  std::int64_t total = 0;
  do {
    const auto offset = static_cast<std::int64_t>(content.size());
    // One byte more than allowed tells a longer object from one that just fits.
    const std::int64_t size = std::min(kPieceBytes, max_bytes + 1 - offset);
    auto range = client_->Get(KeyOf(name), offset, size, etag, CallOf(context));
    if (!range) return tl::unexpected(FindingOf(std::move(range.error())));
    total = range->total;
    etag = range->etag;
    if (total > max_bytes) {
      return tl::unexpected(Finding{Reason::kLimit, base::Quote(base::Truncate(name, 200)) +
                                                        " is longer than " +
                                                        base::FormatSize(max_bytes)});
    }
    content += range->bytes;
  } while (static_cast<std::int64_t>(content.size()) < total);
  return content;
}

tl::expected<std::string, Finding> S3Place::ReadHead(const std::string& name, std::int64_t size,
                                                     const PlaceContext& context) {
  auto range = client_->Get(KeyOf(name), 0, size, "", CallOf(context));
  if (!range) return tl::unexpected(FindingOf(std::move(range.error())));
  return std::move(range->bytes);
}

verify::Walked<std::unique_ptr<verify::Source>> S3Place::Open(const std::string& name,
                                                              verify::ReadBudget& budget,
                                                              verify::DigestTee* tee) {
  return std::make_unique<S3Source>(client_, KeyOf(name), budget, tee);
}

}  // namespace drwatch::catalog
