#include "web/negotiate.h"

#include <gtest/gtest.h>

namespace drwatch::web {
namespace {

constexpr const char* kText = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kOpenMetrics1 = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr const char* kOpenMetrics0 = "application/openmetrics-text; version=0.0.1; charset=utf-8";

std::string TypeFor(std::string_view accept) {
  const MetricsFormat format = NegotiateMetrics(accept);
  EXPECT_EQ(format.format == model::TextFormat::kOpenMetrics,
            format.content_type.starts_with("application/openmetrics-text"));
  return format.content_type;
}

TEST(NegotiateTest, WhatPrometheusSends) {
  // 2.42.
  EXPECT_EQ(TypeFor("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            kOpenMetrics1);
  // 3.x.
  EXPECT_EQ(TypeFor("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
                    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            std::string(kOpenMetrics1) + "; escaping=allow-utf-8");
  // With native histograms: the protocol buffers it likes best are not on offer.
  EXPECT_EQ(TypeFor("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                    "encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6,"
                    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            kOpenMetrics1);
  // scrape_protocols: [PrometheusText0.0.4].
  EXPECT_EQ(TypeFor("text/plain;version=0.0.4;escaping=underscores;q=0.5,*/*;q=0.4"),
            std::string(kText) + "; escaping=underscores");
}

TEST(NegotiateTest, WeightsDecideNotTheOrder) {
  EXPECT_EQ(TypeFor("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.4"), kText);
  EXPECT_EQ(TypeFor("text/plain;q=0.4,application/openmetrics-text;version=1.0.0;q=0.5"),
            kOpenMetrics1);
  EXPECT_EQ(TypeFor("application/openmetrics-text;version=0.0.1,"
                    "application/openmetrics-text;version=1.0.0;q=0.9"),
            kOpenMetrics0);
  EXPECT_EQ(TypeFor("text/plain,application/openmetrics-text"), kText) << "the first of equals";
  EXPECT_EQ(TypeFor("application/openmetrics-text;q=0,*/*"), kText);
  EXPECT_EQ(TypeFor("application/openmetrics-text;q=0"), kText);
}

TEST(NegotiateTest, AnythingElseGetsText) {
  for (const char* accept :
       {"", "*/*", "text/*", "text/html", "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/json", "application/openmetrics-text;version=2.0.0",
        "text/plain;version=1.0.0", ";;;q=,=", "text/plain;version", "q=1"}) {
    EXPECT_EQ(TypeFor(accept), kText) << accept;
  }
}

TEST(NegotiateTest, ReadsWhatAStrictClientMayWrite) {
  EXPECT_EQ(TypeFor("Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.9"), kOpenMetrics1);
  EXPECT_EQ(TypeFor("application/openmetrics-text"), kOpenMetrics1);
  EXPECT_EQ(TypeFor("text/plain;escaping=nonsense"), kText);
}

}  // namespace
}  // namespace drwatch::web
