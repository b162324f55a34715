#include "net/sigv4.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/strings.h"

namespace drwatch::net {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr base::Timestamp kSuiteTime = base::FromUnixMillis(1'440'938'160'000);  // 20150830T123600Z
constexpr base::Timestamp kS3Time = base::FromUnixMillis(1'369'353'600'000);     // 20130524T000000Z
constexpr std::string_view kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kSuiteToken =
    "AQoDYXdzEPT//////////"
    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIe"
    "oIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq"
    "5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
    "scqKmlzm8FDrypNC"
    "9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

// The cases of Amazon's own aws-sig-v4-test-suite. Those about removing "." and "//" from paths are
// left out: S3 signs a path as it is.
struct SuiteCase {
  std::string name;
  std::string method;
  std::string path;
  Pairs query;
  Pairs headers;
  std::string body;
  std::string signed_headers;
  std::string signature;
};

std::vector<SuiteCase> SuiteCases() {
  const std::string unreserved(kUnreserved);
  const std::string plain = "host;x-amz-date";
  const std::string one = "host;my-header1;x-amz-date";
  return {
      {"get-vanilla",
       "GET",
       "/",
       {},
       {},
       "",
       plain,
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {},
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "",
       one,
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-multiline",
       "GET",
       "/",
       {},
       {{"My-Header1", "value1"}, {"My-Header1", "value2"}, {"My-Header1", "value3"}},
       "",
       one,
       "ba17b383a53190154eb5fa66a1b836cc297cc0a3d70a5d00705980573d8ff790"},
      {"get-header-value-order",
       "GET",
       "/",
       {},
       {{"My-Header1", "value4"},
        {"My-Header1", "value1"},
        {"My-Header1", "value3"},
        {"My-Header1", "value2"}},
       "",
       one,
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {},
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-unreserved",
       "GET",
       "/" + unreserved,
       {},
       {},
       "",
       plain,
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8",
       "GET",
       "/\xe1\x88\xb4",
       {},
       {},
       "",
       plain,
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-space",
       "GET",
       "/example space/",
       {},
       {},
       "",
       plain,
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/",
       {{"Param1", "value1"}},
       {},
       "",
       plain,
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       {},
       "",
       plain,
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/",
       {{unreserved, unreserved}},
       {},
       "",
       plain,
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/",
       {{"\xe1\x88\xb4", "bar"}},
       {},
       "",
       plain,
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       {},
       "",
       plain,
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-header-key-sort",
       "POST",
       "/",
       {},
       {{"My-Header1", "value1"}},
       "",
       one,
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       "POST",
       "/",
       {},
       {{"My-Header1", "VALUE1"}},
       "",
       one,
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-vanilla-query",
       "POST",
       "/",
       {{"Param1", "value1"}},
       {},
       "",
       plain,
       "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
      {"post-vanilla-query-nonunreserved",
       "POST",
       "/",
       {{"@#$%^", ""}, {"+", "/,?><`\";:\\|][{}"}},
       {},
       "",
       plain,
       "66c82657c86e26fb25238d0e69f011edc4c6df5ae71119d7cb98ed9b87393c1e"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {},
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-x-www-form-urlencoded-parameters",
       "POST",
       "/",
       {},
       {{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
  };
}

TEST(SigV4Test, SignsTheOfficialSuite) {
  const AwsKeys keys{"AKIDEXAMPLE", base::Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {}};
  for (const SuiteCase& one : SuiteCases()) {
    SCOPED_TRACE(one.name);
    const SigV4Request request{
        one.method, "example.amazonaws.com", one.path, one.query, one.headers, one.body};
    const SigV4Steps steps = SignV4Steps(request, keys, {"us-east-1", "service"}, kSuiteTime);
    EXPECT_EQ(steps.authorization,
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
              "SignedHeaders=" +
                  one.signed_headers + ", Signature=" + one.signature)
        << steps.canonical_request;
  }
}

TEST(SigV4Test, SignsTheTokenOfTemporaryKeys) {  // post-sts-header-before
  const AwsKeys keys{"AKIDEXAMPLE", base::Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                     base::Secret(std::string(kSuiteToken))};
  const SigV4Request request{"POST", "example.amazonaws.com", "/", {}, {}, ""};
  const SignedRequest result = SignV4(request, keys, {"us-east-1", "service"}, kSuiteTime);
  ASSERT_EQ(result.headers.size(), 3u);
  EXPECT_EQ(result.headers[1].first, "x-amz-security-token");
  EXPECT_EQ(result.headers[1].second.Reveal(), kSuiteToken);
  EXPECT_EQ(result.headers[2].second.Reveal(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-security-token, "
            "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

TEST(SigV4Test, SpellsOutTheCanonicalRequest) {  // get-vanilla-query-order-value
  const AwsKeys keys{"AKIDEXAMPLE", base::Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {}};
  const SigV4Request request{
      "GET", "example.amazonaws.com", "/", {{"Param1", "value2"}, {"Param1", "value1"}}, {}, ""};
  const SigV4Steps steps = SignV4Steps(request, keys, {"us-east-1", "service"}, kSuiteTime);
  EXPECT_EQ(steps.canonical_request,
            "GET\n/\nParam1=value1&Param1=value2\nhost:example.amazonaws.com\n"
            "x-amz-date:20150830T123600Z\n\nhost;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// The examples of S3's own manual ("Signature Calculations for the Authorization Header").
class S3ExampleTest : public ::testing::Test {
 protected:
  std::string Sign(const SigV4Request& request) {
    const AwsKeys keys{
        "AKIAIOSFODNN7EXAMPLE", base::Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {}};
    const std::string text = SignV4Steps(request, keys, {"us-east-1", "s3"}, kS3Time).authorization;
    return text.substr(text.rfind('=') + 1);
  }
  const std::string host_ = "examplebucket.s3.amazonaws.com";
};

TEST_F(S3ExampleTest, GetsAnObjectsRange) {
  EXPECT_EQ(Sign({"GET", host_, "/test.txt", {}, {{"Range", "bytes=0-9"}}, ""}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3ExampleTest, PutsAnObject) {
  EXPECT_EQ(Sign({"PUT",
                  host_,
                  "/test$file.text",
                  {},
                  {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                   {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                  "Welcome to Amazon S3."}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(S3ExampleTest, GetsABucketsLifecycle) {
  EXPECT_EQ(Sign({"GET", host_, "/", {{"lifecycle", ""}}, {}, ""}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST_F(S3ExampleTest, ListsABucket) {
  EXPECT_EQ(Sign({"GET", host_, "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, ""}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4Test, SendsWhatItSigned) {
  const AwsKeys keys{"AK", base::Secret("secret"), {}};
  const SigV4Request request{"GET",
                             "localhost:9000",
                             "/bucket/a b/../c//d+e&\xc3\xa4.gz",
                             {{"versionId", "a/b=="}},
                             {{"Range", "bytes=0-1"}},
                             ""};
  const SignedRequest result = SignV4(request, keys, {"eu-west-1", "s3"}, kS3Time);
  EXPECT_EQ(result.target, "/bucket/a%20b/../c//d%2Be%26%C3%A4.gz?versionId=a%2Fb%3D%3D");
  std::vector<std::string> names;
  for (const auto& [name, value] : result.headers) names.push_back(name);
  EXPECT_EQ(base::Join(names, " "), "Range x-amz-date x-amz-content-sha256 Authorization");
}

TEST(SigV4Test, CutsOffFractionsOfASecond) {
  const AwsKeys keys{"AK", base::Secret("secret"), {}};
  const SigV4Request request{"GET", "h", "/", {}, {}, ""};
  const auto with =
      SignV4Steps(request, keys, {"r", "s3"}, kS3Time + std::chrono::milliseconds(999));
  EXPECT_EQ(with.authorization, SignV4Steps(request, keys, {"r", "s3"}, kS3Time).authorization);
}

TEST(SigV4Test, EncodesEveryOtherByte) {
  EXPECT_EQ(UriEncode("a/b c"), "a%2Fb%20c");
  EXPECT_EQ(UriEncode("a/b c", "/"), "a/b%20c");
  EXPECT_EQ(UriEncode(std::string_view("\0\xff*'()", 6)), "%00%FF%2A%27%28%29");
}

}  // namespace
}  // namespace drwatch::net
