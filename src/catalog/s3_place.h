// A bucket, or a prefix in it, as a place of backups.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "catalog/place.h"
#include "net/s3.h"

namespace drwatch::catalog {

// The Finding that an error of S3 is.
Finding FindingOf(net::S3Error error);

// True if an object of this class cannot be read before it is restored from an archive, unless
// `restore` (x-amz-restore) says that it was.
bool NeedsRestore(const net::S3Head& head);

class S3Place final : public Place {
 public:
  // Objects are read in pieces of this size.
  static constexpr std::int64_t kPieceBytes = 8 << 20;
  // An ETag over parts of unknown sizes that differs is only believed after looking at the size of
  // each of them, and of at most so many.
  static constexpr int kMaxPartLooks = 1000;

  // `prefix` is empty or ends with '/'.
  S3Place(std::shared_ptr<net::S3Client> client, std::string prefix);

  std::string Describe() const override;
  // Objects whose names end with '/' stand for folders and are left out.
  tl::expected<PlaceListing, Finding> List(const ListOptions& options,
                                           const PlaceContext& context) override;
  tl::expected<void, Finding> Each(const ListOptions& options, const PlaceContext& context,
                                   const TakeObject& take) override;
  tl::expected<std::string, Finding> Read(const std::string& name, std::int64_t max_bytes,
                                          const PlaceContext& context) override;
  tl::expected<std::string, Finding> ReadHead(const std::string& name, std::int64_t size,
                                              const PlaceContext& context) override;
  // Nothing is asked before the first Next(). The source attests the bytes where S3 keeps a
  // checksum that can be made again; a change while it is read is a fault.
  verify::Walked<std::unique_ptr<verify::Source>> Open(const std::string& name,
                                                       verify::ReadBudget& budget,
                                                       verify::DigestTee* tee) override;

  net::S3Client& client() { return *client_; }
  // The key of an object.
  std::string KeyOf(const std::string& name) const { return prefix_ + name; }

 private:
  tl::expected<std::vector<std::string>, Finding> Walk(const ListOptions& options,
                                                       const PlaceContext& context,
                                                       const TakeObject& take);

  const std::shared_ptr<net::S3Client> client_;
  const std::string prefix_;
};

}  // namespace drwatch::catalog
