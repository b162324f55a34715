#include "support/fake_s3.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/digest.h"
#include "base/strings.h"

namespace drwatch::testing {
namespace {

using Query = std::map<std::string, std::string>;

constexpr std::array<const char*, 6> kSettings = {"versioning", "encryption",  "object-lock",
                                                  "lifecycle",  "replication", "uploads"};

std::string Decode(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      result += text[i];
      continue;
    }
    result += base::ParseHex(text.substr(i + 1, 2)).value_or("?");
    i += 2;
  }
  return result;
}

// As Amazon encodes names in listings.
std::string Encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ||
                       c == '_' || c == '*' || c == '/';
    if (plain) {
      result += c;
    } else {
      result += c == ' ' ? "+" : "%" + base::Hex({&c, 1});
    }
  }
  return result;
}

Query Parse(std::string_view text) {
  Query query;
  if (text.empty()) return query;
  for (const std::string_view part : base::Split(text, '&')) {
    const std::size_t equals = std::min(part.find('='), part.size());
    query[Decode(part.substr(0, equals))] = Decode(part.substr(std::min(equals + 1, part.size())));
  }
  return query;
}

FakeReply Error(int status, const std::string& code) {
  return {.status = status,
          .body = "<Error><Code>" + code + "</Code><Message>scripted</Message></Error>"};
}

std::string HttpTime(base::Timestamp time) {
  const auto seconds = static_cast<time_t>(base::ToUnixMillis(time) / 1000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

}  // namespace

FakeS3::FakeS3(std::string bucket, std::size_t page_size)
    : bucket_(std::move(bucket)), page_size_(page_size) {
  server_ = std::make_unique<FakeHttpServer>(
      [this](const FakeRequest& request) { return Answer(request); });
}

void FakeS3::Put(const std::string& key, std::string bytes, base::Timestamp modified,
                 Headers headers) {
  Object object;
  object.etag = base::Hex(base::ComputeDigest(base::DigestAlgorithm::kMd5, bytes));
  for (const auto& [name, value] : headers) {
    if (name == "ETag") object.etag = value;
  }
  std::erase_if(headers, [](const auto& header) { return header.first == "ETag"; });
  object.bytes = std::move(bytes);
  object.modified = modified;
  object.headers = std::move(headers);
  const std::lock_guard lock(mutex_);
  objects_[key] = std::move(object);
}

void FakeS3::Remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  objects_.erase(key);
}

void FakeS3::Intercept(std::function<std::optional<FakeReply>(const FakeRequest&)> intercept) {
  const std::lock_guard lock(mutex_);
  intercept_ = std::move(intercept);
}

void FakeS3::Set(const std::string& what, int status, std::string body) {
  const std::lock_guard lock(mutex_);
  settings_[what] = {.status = status, .body = std::move(body)};
}

std::string FakeS3::endpoint() const { return "http://" + server_->address(); }

int FakeS3::Count(const std::string& kind) const {
  int count = 0;
  for (const FakeRequest& request : requests()) {
    std::string is = request.method;
    if (request.target.find("list-type=2") != std::string::npos) is = "LIST";
    if (request.target.starts_with("/" + bucket_ + "/?") && is != "LIST") is = "BUCKET";
    if (is == kind) ++count;
  }
  return count;
}

FakeReply FakeS3::Answer(const FakeRequest& request) {
  const std::lock_guard lock(mutex_);
  if (intercept_) {
    if (auto reply = intercept_(request)) return *reply;
  }
  const std::size_t question = std::min(request.target.find('?'), request.target.size());
  const std::string path = Decode(std::string_view(request.target).substr(0, question));
  const Query query =
      Parse(std::string_view(request.target).substr(std::min(question + 1, request.target.size())));
  const std::string root = "/" + bucket_ + "/";
  if (!request.Header("authorization").starts_with("AWS4-HMAC-SHA256 ")) {
    return Error(403, "AccessDenied");
  }
  if (!path.starts_with(root)) return Error(404, "NoSuchBucket");
  if (path != root) return Give(request, path.substr(root.size()), query);
  for (const char* what : kSettings) {
    if (!query.contains(what)) continue;
    const auto set = settings_.find(what);
    if (set != settings_.end()) return set->second;
    return Error(404, "NoSuchLifecycleConfiguration");
  }
  return List(query);
}

FakeReply FakeS3::List(const Query& query) const {
  const auto get = [&query](const char* name) {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  };
  const std::string prefix = get("prefix");
  const std::string delimiter = get("delimiter");
  const std::string after = std::max(get("start-after"), get("continuation-token"));
  std::string entries;
  std::string last;
  std::size_t count = 0;
  std::set<std::string> prefixes;
  bool cut = false;
  for (auto at = objects_.upper_bound(after); at != objects_.end(); ++at) {
    const auto& [key, object] = *at;
    if (!key.starts_with(prefix)) continue;
    const std::size_t end = delimiter.empty() ? key.npos : key.find(delimiter, prefix.size());
    const std::string common = end == key.npos ? "" : key.substr(0, end + delimiter.size());
    if (!common.empty() && (prefixes.contains(common) || after.starts_with(common))) continue;
    if (count == page_size_) {
      cut = true;
      break;
    }
    ++count;
    last = common.empty() ? key : common + "\x7f";
    if (!common.empty()) {
      prefixes.insert(common);
      continue;
    }
    entries += "<Contents><Key>" + Encode(key) + "</Key><LastModified>" +
               base::FormatRfc3339(object.modified) + "</LastModified><ETag>&quot;" + object.etag +
               "&quot;</ETag><Size>" + std::to_string(object.bytes.size()) + "</Size>";
    for (const auto& [name, value] : object.headers) {
      if (name == "x-amz-storage-class") entries += "<StorageClass>" + value + "</StorageClass>";
    }
    entries += "</Contents>";
  }
  for (const std::string& common : prefixes) {
    entries += "<CommonPrefixes><Prefix>" + Encode(common) + "</Prefix></CommonPrefixes>";
  }
  std::string body = "<ListBucketResult><EncodingType>url</EncodingType>";
  if (cut) {
    body += "<IsTruncated>true</IsTruncated><NextContinuationToken>" + last +
            "</NextContinuationToken>";
  }
  return {.body = body + entries + "</ListBucketResult>"};
}

FakeReply FakeS3::Give(const FakeRequest& request, const std::string& key,
                       const Query& query) const {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return Error(404, "NoSuchKey");
  const Object& object = found->second;
  FakeReply reply;
  reply.headers = object.headers;
  reply.headers.emplace_back("ETag", "\"" + object.etag + "\"");
  reply.headers.emplace_back("Last-Modified", HttpTime(object.modified));
  const std::string match = request.Header("if-match");
  if (!match.empty() && match != "\"" + object.etag + "\"") return Error(412, "PreconditionFailed");
  reply.body = object.bytes;
  // "x-part-sizes: 5,5,3" tells how a test wants the object to have been uploaded.
  for (const auto& [name, value] : object.headers) {
    if (name != "x-part-sizes" || !query.contains("partNumber")) continue;
    const auto sizes = base::Split(value, ',');
    const auto part = static_cast<std::size_t>(base::ParseInt(query.at("partNumber")).value_or(0));
    if (part < 1 || part > sizes.size()) return Error(416, "InvalidPartNumber");
    reply.status = 206;
    reply.body = std::string(static_cast<std::size_t>(*base::ParseInt(sizes[part - 1])), 'x');
    return reply;
  }
  const std::string range = request.Header("range");
  if (!range.starts_with("bytes=")) return reply;
  const std::size_t dash = range.find('-');
  const auto size = static_cast<std::int64_t>(object.bytes.size());
  const std::int64_t first = base::ParseInt(range.substr(6, dash - 6)).value_or(0);
  const std::int64_t last = std::min(base::ParseInt(range.substr(dash + 1)).value_or(0), size - 1);
  if (first >= size) return Error(416, "InvalidRange");
  reply.status = 206;
  reply.body = object.bytes.substr(static_cast<std::size_t>(first),
                                   static_cast<std::size_t>(last - first + 1));
  reply.headers.emplace_back(
      "Content-Range",
      "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size));
  return reply;
}

}  // namespace drwatch::testing
