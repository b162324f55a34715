// The headers of S3's answers about an object. Pure. Used by s3.cc only.
#pragma once

#include "base/result.h"
#include "net/http_client.h"
#include "net/s3.h"

namespace drwatch::net {

// Fails without a Content-Length.
base::Result<S3Head> ParseS3Head(const HttpResponse& response);

// Whether an answer holds the bytes from `offset` on, `size` of them or up to the object's end: the
// object's size. A server that sends the whole object instead is right if that is the same.
base::Result<std::int64_t> CheckRange(const HttpResponse& response, std::int64_t offset,
                                      std::int64_t size);

// "abc" -> abc, W/"abc" -> abc.
std::string WithoutQuotes(std::string etag);

// Errors: not base64.
base::Result<std::string> DecodeBase64(std::string_view text);

}  // namespace drwatch::net
