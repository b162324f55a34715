#include "net/sigv4.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/digest.h"
#include "base/strings.h"

namespace drwatch::net {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

// "20130524T000000Z".
std::string BasicTime(base::Timestamp now) {
  std::string text;
  // "2013-05-24T00:00:00Z" without what separates; a fraction of a second is cut off.
  for (const char c : base::FormatRfc3339(std::chrono::floor<std::chrono::seconds>(now))) {
    if (c != '-' && c != ':') text += c;
  }
  return text;
}

// Without blanks at both ends, and with one for several in a row.
std::string Squeeze(std::string_view value) {
  std::string result;
  for (const char c : base::Trim(value)) {
    if (c == ' ' && result.ends_with(' ')) continue;
    result += c;
  }
  return result;
}

std::string HashHex(std::string_view bytes) {
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, bytes));
}

std::string CanonicalQuery(const SigV4Request& request) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : request.query) {
    encoded.emplace_back(UriEncode(name), UriEncode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::vector<std::string> parts;
  for (const auto& [name, value] : encoded) {
    std::string part = name;
    part += '=';
    part += value;
    parts.push_back(std::move(part));
  }
  return base::Join(parts, "&");
}

std::string CanonicalPath(const SigV4Request& request) {
  return UriEncode(request.path.empty() ? "/" : request.path, "/");
}

// What both the signature and the request consist of.
struct Prepared {
  std::vector<std::pair<std::string, std::string>> headers;  // without Host
  std::string path;
  std::string query;
  SigV4Steps steps;
};

std::string Signature(const AwsKeys& keys, const SigV4Scope& scope, std::string_view day,
                      std::string_view text) {
  std::string key = "AWS4" + keys.secret_access_key.Reveal();
  for (const std::string_view part :
       std::array<std::string_view, 4>{day, scope.region, scope.service, kTerminator}) {
    key = base::HmacSha256(key, part);
  }
  return base::Hex(base::HmacSha256(key, text));
}

Prepared Prepare(const SigV4Request& request, const AwsKeys& keys, const SigV4Scope& scope,
                 base::Timestamp now) {
  Prepared result;
  result.path = CanonicalPath(request);
  result.query = CanonicalQuery(request);
  const std::string time = BasicTime(now);
  const std::string day = time.substr(0, 8);
  const std::string payload = HashHex(request.body);
  result.headers = request.headers;
  result.headers.emplace_back("x-amz-date", time);
  if (scope.service == "s3") result.headers.emplace_back("x-amz-content-sha256", payload);
  if (!keys.session_token.empty()) {
    result.headers.emplace_back("x-amz-security-token", keys.session_token.Reveal());
  }

  std::map<std::string, std::string> canonical;
  canonical["host"] = Squeeze(request.host);
  for (const auto& [name, value] : result.headers) {
    auto [at, fresh] = canonical.emplace(base::Lower(name), Squeeze(value));
    if (!fresh) at->second.append(",").append(Squeeze(value));
  }
  std::vector<std::string> names;
  std::string lines;
  for (const auto& [name, value] : canonical) {
    names.push_back(name);
    lines.append(name).append(":").append(value).append("\n");
  }
  const std::string signed_names = base::Join(names, ";");
  SigV4Steps& steps = result.steps;
  steps.canonical_request =
      base::Join({request.method, result.path, result.query, lines, signed_names, payload}, "\n");
  const std::string where =
      base::Join({day, scope.region, scope.service, std::string(kTerminator)}, "/");
  steps.string_to_sign =
      base::Join({std::string(kAlgorithm), time, where, HashHex(steps.canonical_request)}, "\n");
  steps.authorization = std::string(kAlgorithm) + " Credential=" + keys.access_key_id + "/" +
                        where + ", SignedHeaders=" + signed_names +
                        ", Signature=" + Signature(keys, scope, day, steps.string_to_sign);
  return result;
}

}  // namespace

std::string UriEncode(std::string_view text, std::string_view keep) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || keep.find(c) != keep.npos;
    if (plain) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += '%';
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result;
}

SigV4Steps SignV4Steps(const SigV4Request& request, const AwsKeys& keys, const SigV4Scope& scope,
                       base::Timestamp now) {
  return Prepare(request, keys, scope, now).steps;
}

SignedRequest SignV4(const SigV4Request& request, const AwsKeys& keys, const SigV4Scope& scope,
                     base::Timestamp now) {
  Prepared prepared = Prepare(request, keys, scope, now);
  SignedRequest result;
  result.target = prepared.path;
  if (!prepared.query.empty()) result.target += "?" + prepared.query;
  for (auto& [name, value] : prepared.headers) {
    result.headers.emplace_back(name, base::Secret(std::move(value)));
  }
  result.headers.emplace_back("Authorization",
                              base::Secret(std::move(prepared.steps.authorization)));
  return result;
}

}  // namespace drwatch::net
