#include "net/s3_xml.h"

#include <algorithm>
#include <pugixml.hpp>

#include "base/strings.h"
#include "net/address.h"
#include "net/aws_time.h"

namespace drwatch::net {
namespace {

constexpr std::int64_t kMaxDays = 100'000;

std::string Text(const pugi::xml_node& node, const char* name) {
  return std::string(base::Trim(node.child_value(name)));
}

// A document, and its root if that is the expected one.
class Document {
 public:
  base::Status Load(std::string_view body, const char* root_name) {
    if (static_cast<std::int64_t>(body.size()) > kMaxXmlBytes ||
        std::count(body.begin(), body.end(), '<') > kMaxXmlTags) {
      return base::Fail("the XML document is too large");
    }
    // Nothing but elements, text and the five named entities: no document types, no instructions.
    const unsigned options =
        pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata | pugi::parse_eol;
    const pugi::xml_parse_result parsed =
        document_.load_buffer(body.data(), body.size(), options, pugi::encoding_utf8);
    if (!parsed) {
      return base::Fail("bad XML at byte " + std::to_string(parsed.offset) + ": " +
                        base::Lower(parsed.description()));
    }
    root_ = document_.child(root_name);
    if (root_) return {};
    return base::Fail("expected " + std::string(root_name) + ", got " +
                      base::Quote(base::Truncate(document_.first_child().name(), 60)));
  }
  const pugi::xml_node& root() const { return root_; }

 private:
  pugi::xml_document document_;
  pugi::xml_node root_;
};

// Names come percent-encoded when they were asked for like this, with '+' for a blank; not every
// server obeys.
class Names {
 public:
  explicit Names(const pugi::xml_node& root) : encoded_(Text(root, "EncodingType") == "url") {}
  std::optional<std::string> Decode(const char* text) const {
    if (!encoded_) return std::string(text);
    std::string plain = text;
    std::replace(plain.begin(), plain.end(), '+', ' ');
    return PercentDecode(plain);
  }

 private:
  bool encoded_;
};

std::string WithoutQuotes(std::string text) {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

base::Result<S3Object> ParseObject(const pugi::xml_node& node, const Names& names) {
  S3Object object;
  auto key = names.Decode(node.child_value("Key"));
  const auto size = base::ParseInt(Text(node, "Size"));
  const auto modified = ParseIsoTime(Text(node, "LastModified"));
  if (!key || key->empty() || !size || *size < 0 || !modified) {
    return base::Fail("an entry of the listing has no key, size or time");
  }
  if (key->size() > kMaxS3KeyBytes) return base::Fail("a key is longer than S3's can be");
  object.key = *std::move(key);
  object.size = *size;
  object.modified = *modified;
  object.etag = WithoutQuotes(Text(node, "ETag"));
  object.storage_class = Text(node, "StorageClass");
  return object;
}

std::optional<base::Duration> Days(const std::string& text) {
  const auto days = base::ParseInt(text);
  if (!days || *days < 0 || *days > kMaxDays) return std::nullopt;
  return std::chrono::hours(24 * *days);
}

// What a rule's filter leaves of the bucket. The prefix stood in the rule itself once.
void ReadFilter(const pugi::xml_node& rule, S3LifecycleRule& result) {
  result.prefix = rule.child_value("Prefix");
  pugi::xml_node filter = rule.child("Filter");
  if (const pugi::xml_node both = filter.child("And")) filter = both;
  if (const pugi::xml_node prefix = filter.child("Prefix")) result.prefix = prefix.child_value();
  result.filtered = static_cast<bool>(filter.child("Tag"));
  if (filter.child("ObjectSizeGreaterThan")) {
    result.larger_than = base::ParseInt(Text(filter, "ObjectSizeGreaterThan"));
  }
  if (filter.child("ObjectSizeLessThan")) {
    result.smaller_than = base::ParseInt(Text(filter, "ObjectSizeLessThan"));
  }
}

S3LifecycleRule ReadAmazonRule(const pugi::xml_node& rule) {
  S3LifecycleRule result;
  ReadFilter(rule, result);
  result.expiration = Days(Text(rule.child("Expiration"), "Days"));
  result.expires_on = ParseIsoTime(Text(rule.child("Expiration"), "Date"));
  for (const pugi::xml_node& transition : rule.children("Transition")) {
    const auto after = Days(Text(transition, "Days"));
    if (after) result.transitions.push_back({*after, Text(transition, "StorageClass")});
  }
  return result;
}

// Google's: <Action><Delete/></Action><Condition><Age>30</Age>...</Condition>. All conditions must
// hold, and of those that may be repeated one value each. One rule for each prefix.
void ReadGoogleRules(const pugi::xml_node& rule, std::vector<S3LifecycleRule>& rules) {
  S3LifecycleRule result;
  std::vector<std::string> prefixes;
  const pugi::xml_node condition = rule.child("Condition");
  for (const pugi::xml_node& part : condition.children()) {
    const std::string_view name = part.name();
    const std::string text(base::Trim(part.child_value()));
    if (name == "MatchesPrefix") {
      prefixes.emplace_back(part.child_value());
    } else if (name == "MatchesSuffix") {
      result.suffixes.emplace_back(part.child_value());
    } else if (name == "MatchesStorageClass") {
      result.storage_classes.push_back(text);
    } else if (name != "Age" && (name != "IsLive" || text != "true")) {
      result.filtered = true;
    }
  }
  const auto age = Days(Text(condition, "Age"));
  const pugi::xml_node action = rule.child("Action");
  if (age && action.child("Delete")) result.expiration = age;
  if (const pugi::xml_node move = action.child("SetStorageClass"); move && age) {
    result.transitions.push_back({*age, std::string(base::Trim(move.child_value()))});
  }
  if (prefixes.empty()) prefixes.emplace_back();
  for (std::string& prefix : prefixes) {
    result.prefix = std::move(prefix);
    rules.push_back(result);
  }
}

}  // namespace

S3ErrorText ParseS3Error(std::string_view body) {
  Document document;
  S3ErrorText result;
  if (!document.Load(body, "Error")) return result;
  result.code = base::Truncate(Text(document.root(), "Code"), 80);
  result.message = base::Truncate(Text(document.root(), "Message"), 200);
  result.details = base::Truncate(Text(document.root(), "Details"), 300);
  result.region = Text(document.root(), "Region");
  result.server_time = ParseIsoTime(Text(document.root(), "ServerTime"));
  return result;
}

base::Result<S3ListPage> ParseListPage(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "ListBucketResult"); !loaded) {
    return base::Fail(loaded.error());
  }
  const Names names(document.root());
  S3ListPage page;
  for (const pugi::xml_node& node : document.root().children("Contents")) {
    base::Result<S3Object> object = ParseObject(node, names);
    if (!object) return base::Fail(object.error());
    page.objects.push_back(*std::move(object));
  }
  for (const pugi::xml_node& node : document.root().children("CommonPrefixes")) {
    std::optional<std::string> prefix = names.Decode(node.child_value("Prefix"));
    if (!prefix || prefix->empty()) return base::Fail("a common prefix of the listing is empty");
    page.prefixes.push_back(*std::move(prefix));
  }
  if (Text(document.root(), "IsTruncated") == "true") {
    page.next_token = document.root().child_value("NextContinuationToken");
    if (page.next_token.empty()) {
      return base::Fail("the listing is cut off without a token to go on with");
    }
  }
  return page;
}

base::Result<S3Versioning> ParseVersioning(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "VersioningConfiguration"); !loaded) {
    return base::Fail(loaded.error());
  }
  const std::string status = Text(document.root(), "Status");
  if (status == "Enabled") return S3Versioning::kEnabled;
  return status == "Suspended" ? S3Versioning::kSuspended : S3Versioning::kOff;
}

base::Result<std::string> ParseEncryption(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "ServerSideEncryptionConfiguration"); !loaded) {
    return base::Fail(loaded.error());
  }
  const pugi::xml_node rule =
      document.root().child("Rule").child("ApplyServerSideEncryptionByDefault");
  return base::Truncate(Text(rule, "SSEAlgorithm"), 80);
}

base::Result<S3ObjectLock> ParseObjectLock(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "ObjectLockConfiguration"); !loaded) {
    return base::Fail(loaded.error());
  }
  S3ObjectLock lock;
  lock.enabled = Text(document.root(), "ObjectLockEnabled") == "Enabled";
  const pugi::xml_node retention = document.root().child("Rule").child("DefaultRetention");
  lock.default_mode = base::Truncate(Text(retention, "Mode"), 80);
  const auto days = Days(Text(retention, "Days"));
  const auto years = Days(Text(retention, "Years"));
  if (days) lock.default_retention = *days;
  if (years) lock.default_retention = *years * 365;
  return lock;
}

base::Result<std::vector<S3LifecycleRule>> ParseLifecycle(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "LifecycleConfiguration"); !loaded) {
    return base::Fail(loaded.error());
  }
  std::vector<S3LifecycleRule> rules;
  for (const pugi::xml_node& rule : document.root().children("Rule")) {
    if (rule.child("Action")) {
      ReadGoogleRules(rule, rules);
    } else if (Text(rule, "Status") == "Enabled") {
      rules.push_back(ReadAmazonRule(rule));
    }
  }
  return rules;
}

base::Result<std::vector<std::string>> ParseReplication(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "ReplicationConfiguration"); !loaded) {
    return base::Fail(loaded.error());
  }
  std::vector<std::string> prefixes;
  for (const pugi::xml_node& rule : document.root().children("Rule")) {
    if (Text(rule, "Status") != "Enabled") continue;
    S3LifecycleRule reach;
    ReadFilter(rule, reach);
    if (!reach.filtered) prefixes.push_back(reach.prefix);
  }
  return prefixes;
}

base::Result<S3UploadPage> ParseUploads(std::string_view body) {
  Document document;
  if (auto loaded = document.Load(body, "ListMultipartUploadsResult"); !loaded) {
    return base::Fail(loaded.error());
  }
  const Names names(document.root());
  S3UploadPage page;
  for (const pugi::xml_node& node : document.root().children("Upload")) {
    std::optional<std::string> key = names.Decode(node.child_value("Key"));
    const auto initiated = ParseIsoTime(Text(node, "Initiated"));
    if (!key || !initiated) return base::Fail("an upload has no key or time");
    page.uploads.push_back({*std::move(key), *initiated});
  }
  if (Text(document.root(), "IsTruncated") == "true") {
    page.next_key = names.Decode(document.root().child_value("NextKeyMarker")).value_or("");
    page.next_upload_id = document.root().child_value("NextUploadIdMarker");
    if (page.next_key.empty()) return base::Fail("the uploads are cut off without a key to go on");
  }
  return page;
}

}  // namespace drwatch::net
