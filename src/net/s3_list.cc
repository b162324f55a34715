// What an S3Client asks for page by page: the objects of a bucket, and the uploads that were begun.
#include <algorithm>
#include <set>

#include "base/strings.h"
#include "net/s3_operation.h"

namespace drwatch::net {

using model::Reason;

// Adds a page to the listing. What S3 cannot have answered is an error.
base::Status S3Client::Append(S3ListPage page, const S3ListRequest& request, S3Listing& listing) {
  for (S3Object& object : page.objects) {
    // Servers that do not know start-after, or begin with the key itself, send too much.
    if (!request.start_after.empty() && object.key <= request.start_after) continue;
    if (!object.key.starts_with(request.prefix)) return base::Fail("a key without the prefix came");
    listing.objects.push_back(std::move(object));
  }
  for (std::string& prefix : page.prefixes) listing.prefixes.push_back(std::move(prefix));
  return {};
}

S3Result<S3Listing> S3Client::List(const S3ListRequest& request, const S3Call& call) {
  S3Listing listing;
  std::string token;
  int idle_pages = 0;
  const std::string name = "LIST s3://" + bucket_ + "/" + base::Truncate(request.prefix, 200);
  const auto bad = [&name](Reason reason, const std::string& message) {
    return tl::unexpected(S3ErrorOf(reason, name + ": " + message));
  };
  do {
    Operation operation("list");
    operation.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", "1000"}};
    if (!request.prefix.empty()) operation.query.emplace_back("prefix", request.prefix);
    if (!request.delimiter.empty()) operation.query.emplace_back("delimiter", request.delimiter);
    if (!token.empty()) operation.query.emplace_back("continuation-token", token);
    if (token.empty() && !request.start_after.empty()) {
      operation.query.emplace_back("start-after", request.start_after);
    }
    S3Result<HttpResponse> response = Send(operation, call);
    if (!response) return tl::unexpected(std::move(response.error()));
    base::Result<S3ListPage> page = ParseListPage(response->body);
    if (!page) return bad(Reason::kProtocol, page.error().message);
    idle_pages = page->objects.empty() && page->prefixes.empty() ? idle_pages + 1 : 0;
    if (idle_pages > kMaxEmptyPages || (page->next_token == token && !token.empty())) {
      return bad(Reason::kProtocol, "the listing goes in circles");
    }
    token = page->next_token;
    const base::Status added = Append(*std::move(page), request, listing);
    if (!added) return bad(Reason::kProtocol, added.error().message);
    const auto count = static_cast<std::int64_t>(listing.objects.size() + listing.prefixes.size());
    if (count > request.max_objects) {
      return bad(Reason::kLimit, "more than " + std::to_string(request.max_objects) + " objects");
    }
  } while (!token.empty());
  std::stable_sort(listing.objects.begin(), listing.objects.end(),
                   [](const S3Object& a, const S3Object& b) { return a.key < b.key; });
  std::sort(listing.prefixes.begin(), listing.prefixes.end());
  listing.prefixes.erase(std::unique(listing.prefixes.begin(), listing.prefixes.end()),
                         listing.prefixes.end());
  return listing;
}

S3Result<std::vector<S3Upload>> S3Client::GetUploads(const std::string& prefix,
                                                     const S3Call& call) {
  std::vector<S3Upload> uploads;
  std::set<std::string> markers;
  Operation operation("bucket");
  std::string key;
  std::string id;
  do {
    operation.query = {{"uploads", ""}, {"encoding-type", "url"}};
    if (!prefix.empty()) operation.query.emplace_back("prefix", prefix);
    if (!key.empty()) operation.query.emplace_back("key-marker", key);
    if (!id.empty()) operation.query.emplace_back("upload-id-marker", id);
    S3Result<HttpResponse> response = Send(operation, call);
    if (!response) return tl::unexpected(std::move(response.error()));
    base::Result<S3UploadPage> page = ParseUploads(response->body);
    if (!page) return tl::unexpected(S3ErrorOf(Reason::kProtocol, page.error().message));
    for (S3Upload& upload : page->uploads) uploads.push_back(std::move(upload));
    key = std::move(page->next_key);
    id = std::move(page->next_upload_id);
    // The same place twice: it goes in circles.
  } while (!key.empty() && uploads.size() < kMaxUploads && markers.insert(key + "\n" + id).second);
  if (uploads.size() > kMaxUploads) uploads.resize(kMaxUploads);
  return uploads;
}

}  // namespace drwatch::net
