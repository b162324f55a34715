#include "net/proxy.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace drwatch::net {
namespace {

std::string Choose(const std::string& url, const std::string& no_proxy) {
  const ProxyRules rules{base::Secret("http://plain:1"), base::Secret("http://tls:2"), no_proxy};
  return ChooseProxy(rules, base::Secret(url)).Reveal();
}

TEST(ProxyTest, GoesByTheSchemeOfTheAddress) {
  EXPECT_EQ(Choose("http://hooks.example.com/x", ""), "http://plain:1");
  EXPECT_EQ(Choose("https://hooks.example.com/x", ""), "http://tls:2");
  EXPECT_TRUE(ChooseProxy({base::Secret("http://a"), {}, ""}, base::Secret("https://b")).empty());
}

TEST(ProxyTest, NeverStandsBeforeThisMachine) {
  for (const char* url : {"http://localhost:9093/", "http://127.8.0.1/", "http://[::1]:80/",
                          "http://[::ffff:127.0.0.1]/"}) {
    EXPECT_EQ(Choose(url, ""), "") << url;
  }
}

TEST(ProxyTest, LeavesOutWhatNoProxyNames) {
  const auto direct = [](const std::string& host, const std::string& no_proxy) {
    return Choose("http://" + host + "/x", no_proxy).empty();
  };
  EXPECT_TRUE(direct("example.com", "other, Example.COM"));
  EXPECT_TRUE(direct("a.example.com", "example.com"));
  EXPECT_FALSE(direct("anexample.com", "example.com"));
  EXPECT_TRUE(direct("a.example.com", ".example.com"));
  EXPECT_FALSE(direct("example.com", ".example.com"));
  EXPECT_FALSE(direct("example.com", "*.example.com"));
  EXPECT_TRUE(direct("a.example.com", "*.example.com"));
  EXPECT_TRUE(direct("example.com:8080", "example.com:8080"));
  EXPECT_FALSE(direct("example.com:8081", "example.com:8080"));
  EXPECT_TRUE(direct("example.com", "example.com:80")) << "the scheme's port";
  EXPECT_TRUE(direct("10.1.2.3", "10.0.0.0/8"));
  EXPECT_FALSE(direct("11.1.2.3", "10.0.0.0/8"));
  EXPECT_FALSE(direct("ten.example.com", "10.0.0.0/8")) << "names are not resolved for it";
  EXPECT_TRUE(direct("10.1.2.3", "10.1.2.3"));
  EXPECT_TRUE(direct("10.1.2.3:81", "10.1.2.3:81"));
  EXPECT_FALSE(direct("10.1.2.3:82", "10.1.2.3:81"));
  EXPECT_TRUE(direct("[fd00::7]:82", "fd00::/8"));
  EXPECT_TRUE(direct("[fd00::7]:82", "[fd00::7]:82"));
  EXPECT_TRUE(direct("[fd00::7]", "fd00::7"));
  EXPECT_TRUE(direct("anything", "x, *"));
  for (const char* nothing : {"", ",", " , ", ":80", "10.0.0.0/99", "a/b", "[", "[x", "*."}) {
    EXPECT_FALSE(direct("10.1.2.3", nothing)) << nothing;
  }
}

TEST(ProxyTest, ReadsTheEnvironmentAsGoDoes) {
  setenv("HTTP_PROXY", "http://u:geheim@upper:1", 1);
  setenv("http_proxy", "http://lower:1", 1);
  setenv("HTTPS_PROXY", "", 1);
  setenv("https_proxy", "bare:3128", 1);
  setenv("no_proxy", "example.com", 1);
  unsetenv("NO_PROXY");
  const ProxyRules rules = ProxyRulesFromEnvironment();
  EXPECT_EQ(rules.http.Reveal(), "http://u:geheim@upper:1");
  EXPECT_EQ(rules.https.Reveal(), "http://bare:3128");
  EXPECT_EQ(rules.no_proxy, "example.com");
  for (const char* name : {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "no_proxy"}) {
    unsetenv(name);
  }
  EXPECT_TRUE(ProxyRulesFromEnvironment().http.empty());
}

}  // namespace
}  // namespace drwatch::net
