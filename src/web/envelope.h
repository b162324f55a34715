// The frame of every answer of the API.
#pragma once

#include <string>
#include <string_view>

#include "net/http_server.h"
#include "promql/engine.h"

namespace drwatch::web {

// {"status":"success","data": -- the caller appends the data, FinishSuccess the rest. So a large
// answer is written once.
std::string BeginSuccess();
net::ServerResponse FinishSuccess(std::string begun, const promql::Annotations& annotations = {});
net::ServerResponse Success(std::string_view data);

// The error form with Prometheus' errorType: "bad_data" is 400, "execution" 422, "canceled" 499,
// "timeout" 503, "not_found" 404, "not_acceptable" 406, "internal" 500.
net::ServerResponse ApiError(std::string_view error_type, std::string_view message);
// bad_data: invalid parameter "name": why.
net::ServerResponse BadParameter(std::string_view name, std::string_view why);

}  // namespace drwatch::web
