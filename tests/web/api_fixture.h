// An API over a small store, asked without a server.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "promql/engine.h"
#include "store/store.h"
#include "support/fake_clock.h"
#include "web/api.h"

namespace drwatch::web {

using Json = nlohmann::json;
using Parameters = std::vector<std::pair<std::string, std::string>>;

// Holds m{id="0".."9"} = 10 * second + id at the seconds 0, 10 ... 100 after 2026-01-01.
class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(const ApiLimits& limits = {}) {
    for (int at = 0; at <= 100; at += 10) {
      std::vector<store::NewSample> batch;
      for (int id = 0; id < 10; ++id) {
        batch.push_back(
            {model::Labels{{"__name__", "m"}, {"id", std::to_string(id)}}, at * 10.0 + id});
      }
      store_.Append(batch, clock_.Now() + std::chrono::seconds(at));
    }
    store_.SetMetadata("m", {model::MetricType::kGauge, "Help \"quoted\".", ""});
    store_.SetMetadata("z", {model::MetricType::kCounter, "Last.", "seconds"});
    start_ = base::ToUnixMillis(clock_.Now()) / 1000;
    clock_.Advance(std::chrono::seconds(100));
    ApiSources sources;
    sources.store = &store_;
    sources.engine = &engine_;
    sources.clock = &clock_;
    sources.rules = [this] { return std::make_shared<const rules::RulesSnapshot>(rules_); };
    sources.targets = [this] { return targets_; };
    sources.runtime = [this] { return runtime_; };
    sources.alertmanagers = [this] { return alertmanagers_; };
    sources.config = [] { return std::string("probes: []\n"); };
    sources.flags = {{"query.timeout", "2m"}};
    sources.version = "1.2.3";
    api_ = std::make_unique<Api>(std::move(sources), limits);
  }

  static net::ServerRequest Request(const std::string& path, Parameters parameters = {}) {
    net::ServerRequest request;
    request.method = "GET";
    request.path = "/api/v1/" + path;
    request.query = std::move(parameters);
    return request;
  }
  net::ServerResponse Get(const std::string& path, Parameters parameters = {}) const {
    return api_->Handle(Request(path, std::move(parameters)));
  }
  // The data of an answer that must be a success.
  Json Data(const std::string& path, Parameters parameters = {}) const {
    return Whole(path, std::move(parameters))["data"];
  }
  Json Whole(const std::string& path, Parameters parameters = {}) const {
    const net::ServerResponse response = Get(path, std::move(parameters));
    EXPECT_EQ(response.status, 200) << *response.body;
    EXPECT_EQ(response.content_type, "application/json");
    return Json::parse(*response.body);
  }
  // "400 bad_data: message".
  std::string Error(const std::string& path, Parameters parameters = {}) const {
    return ErrorOf(Get(path, std::move(parameters)));
  }
  static std::string ErrorOf(const net::ServerResponse& response) {
    const Json answer = Json::parse(*response.body, nullptr, false);
    if (!answer.is_object() || answer["status"] != "error") return "no error: " + *response.body;
    return std::to_string(response.status) + " " + answer["errorType"].get<std::string>() + ": " +
           answer["error"].get<std::string>();
  }
  std::string Second(std::int64_t after_start) const {
    return std::to_string(start_ + after_start);
  }
  static std::string Header(const net::ServerResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  testing::FakeClock clock_;
  store::Store store_;
  promql::Engine engine_{store_};
  rules::RulesSnapshot rules_;
  std::vector<TargetView> targets_;
  std::vector<std::string> alertmanagers_;
  RuntimeView runtime_;
  std::unique_ptr<Api> api_;
  std::int64_t start_ = 0;
};

}  // namespace drwatch::web
