// Why something that touched a socket failed.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "model/probe_result.h"

namespace drwatch::net {

// `message` holds no secret: URLs in it are redacted.
struct NetError {
  model::Reason reason = model::Reason::kInternal;
  std::string message;
};

template <typename T>
using NetResult = tl::expected<T, NetError>;

// return NetFail(model::Reason::kDns, "no such host \"db1\"")
inline tl::unexpected<NetError> NetFail(model::Reason reason, std::string message) {
  return tl::unexpected<NetError>(NetError{reason, std::move(message)});
}

// What every call reports that ended because its StopToken was stopped.
inline NetError StoppedError() { return NetError{model::Reason::kTimeout, "stopped"}; }

}  // namespace drwatch::net
