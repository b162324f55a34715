// AWS Signature Version 4: what makes a request to S3 and its like authentic. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"

namespace drwatch::net {

struct AwsKeys {
  std::string access_key_id;
  base::Secret secret_access_key;
  base::Secret session_token;  // of temporary ones; may be empty
};

// The request as it is meant, nothing encoded yet.
struct SigV4Request {
  std::string method = "GET";
  std::string host;        // as the Host header has it: with a port that is not the scheme's
  std::string path = "/";  // "/bucket/a key"; signed as it is, without removing "." or "//"
  std::vector<std::pair<std::string, std::string>> query;
  // Signed besides host and date; names in any case. One name may come more than once.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct SigV4Scope {
  std::string region;
  std::string service;  // "s3" signs x-amz-content-sha256, too, which it demands
};

struct SignedRequest {
  std::string target;  // path and query, encoded as they were signed: send exactly this
  // All to be sent but Host: the request's own and those the signature adds.
  std::vector<std::pair<std::string, base::Secret>> headers;
};

SignedRequest SignV4(const SigV4Request& request, const AwsKeys& keys, const SigV4Scope& scope,
                     base::Timestamp now);

// Everything but A-Z a-z 0-9 - . _ ~ as %XX in upper case. `keep` are characters left alone, too.
std::string UriEncode(std::string_view text, std::string_view keep = {});

// The steps of the signature, for tests.
struct SigV4Steps {
  std::string canonical_request;
  std::string string_to_sign;
  std::string authorization;
};
SigV4Steps SignV4Steps(const SigV4Request& request, const AwsKeys& keys, const SigV4Scope& scope,
                       base::Timestamp now);

}  // namespace drwatch::net
