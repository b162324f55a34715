// Why an S3Client got no answer that it could use.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "model/probe_result.h"

namespace drwatch::net {

// kNotFound: no such key or bucket. kPermission: not allowed, which may also hide that something is
// not there: unknown, not missing. kAuth: the keys are refused. kLimit: a limit of a day is used
// up. kUnverified: it changed meanwhile, or must be restored from an archive first. Else what
// net::Fetch reports, kUnexpectedStatus or kProtocol. `message` holds no secret.
struct S3Error {
  model::Reason reason = model::Reason::kInternal;
  std::string message;
  int status = 0;    // of the last answer; 0 = there was none
  std::string code;  // S3's own word: "NoSuchBucket"; may be empty
  std::string hint;  // what to do about it; may be empty
};
template <typename T>
using S3Result = tl::expected<T, S3Error>;

}  // namespace drwatch::net
