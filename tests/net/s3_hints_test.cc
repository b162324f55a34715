#include "net/s3_hints.h"

#include <gtest/gtest.h>

#include <chrono>

namespace drwatch::net {
namespace {

using model::Reason;

S3Refusal Refusal(int status, std::string_view code) {
  S3Refusal refusal;
  refusal.status = status;
  refusal.code = code;
  refusal.bucket = "backups";
  refusal.server = "https://ceph:7480";
  refusal.keys_from = "the config";
  refusal.region = "us-east-1";
  return refusal;
}

TEST(S3HintsTest, SendsToTheClocks) {
  S3Refusal refusal = Refusal(403, "RequestTimeTooSkewed");
  EXPECT_NE(HintForRefusal(refusal).find("NTP"), std::string::npos);
  refusal.clock_skew = -std::chrono::minutes(20);
  EXPECT_EQ(HintForRefusal(refusal),
            "set the clocks right (NTP): this machine's is 20m ahead of the storage's");
  refusal.clock_skew = std::chrono::hours(1);
  EXPECT_EQ(HintForRefusal(refusal),
            "set the clocks right (NTP): this machine's is 1h behind the storage's");
  refusal.clock_offset = std::chrono::hours(1);
  EXPECT_TRUE(HintForRefusal(refusal).starts_with(
      "the storage refuses the very time that it shows, 1h ahead of this machine's"));
  refusal.clock_skew = std::chrono::seconds(2);
  EXPECT_NE(HintForRefusal(refusal).find("all its servers"), std::string::npos);
}

TEST(S3HintsTest, SaysThatACustomersKeyIsMissing) {
  S3Refusal refusal = Refusal(400, "InvalidRequest");
  EXPECT_EQ(HintForRefusal(refusal), "");
  refusal.said = "The object was stored using a form of Server Side Encryption.";
  EXPECT_TRUE(HintForRefusal(refusal).starts_with("the object is encrypted with a key that comes"));
  refusal = Refusal(400, "ResourceIsEncryptedWithCustomerEncryptionKey");
  EXPECT_NE(HintForRefusal(refusal).find("SSE-C"), std::string::npos);
}

TEST(S3HintsTest, SendsToTheKeysThatWereRefused) {
  EXPECT_EQ(HintForRefusal(Refusal(400, "ExpiredToken")),
            "the keys from the config belong to a session that has ended: put those of a new "
            "session there");
  EXPECT_NE(HintForRefusal(Refusal(400, "InvalidToken")).find("session token"), std::string::npos);
  EXPECT_EQ(HintForRefusal(Refusal(403, "InvalidAccessKeyId")),
            "https://ceph:7480 does not know the access key id from the config: it was deleted, or "
            "belongs to another storage");
  EXPECT_TRUE(HintForRefusal(Refusal(403, "SignatureDoesNotMatch"))
                  .starts_with("the secret key from the config is not the one"));
}

TEST(S3HintsTest, SendsToTheRightOfThoseKeys) {
  const std::string hint = HintForRefusal(Refusal(403, "AccessDenied"));
  EXPECT_TRUE(hint.starts_with("give the keys from the config s3:ListBucket"));
  // Amazon names the bucket's own region in any answer.
  S3Refusal refusal = Refusal(403, "AccessDenied");
  refusal.named_region = "us-east-1";
  EXPECT_EQ(HintForRefusal(refusal), hint);
}

TEST(S3HintsTest, SendsToTheRegionThatWasNamed) {
  S3Refusal refusal = Refusal(301, "PermanentRedirect");
  EXPECT_TRUE(
      HintForRefusal(refusal).starts_with("the bucket lies in another region than \"us-east-1\""));
  refusal.named_region = "eu-west-1";
  EXPECT_TRUE(HintForRefusal(refusal).starts_with("the bucket lies in region \"eu-west-1\""));
  refusal.region = "eu-west-1";  // learned, and refused all the same
  EXPECT_TRUE(HintForRefusal(refusal).starts_with("the bucket lies in region \"eu-west-1\""));
  EXPECT_EQ(HintForRefusal(Refusal(302, "")), "") << "that is no S3";
}

TEST(S3HintsTest, SendsToTheBucketAndItsServer) {
  EXPECT_EQ(HintForRefusal(Refusal(404, "NoSuchBucket")),
            "https://ceph:7480 has no bucket \"backups\": check its name in \"path\", and "
            "\"endpoint\"");
  EXPECT_EQ(HintForRefusal(Refusal(503, "SlowDown")),
            "https://ceph:7480 is busy or in trouble: look at the storage itself");
}

TEST(S3HintsTest, SendsToWhatHandsOutKeys) {
  EXPECT_TRUE(HintForKeys(KeySource::kFile, Reason::kConfig, "/run/keys")
                  .starts_with("\"/run/keys\" must be readable"));
  const std::string sts = "https://sts.eu-west-1.amazonaws.com";
  const auto token = [&sts](Reason reason) {
    return HintForKeys(KeySource::kWebIdentity, reason, sts);
  };
  EXPECT_NE(token(Reason::kConfig).find("AWS_WEB_IDENTITY_TOKEN_FILE"), std::string::npos);
  EXPECT_TRUE(token(Reason::kAuth).starts_with("the token service " + sts + " refuses"));
  EXPECT_TRUE(token(Reason::kTimeout).starts_with("the token service " + sts + " does not answer"));
  EXPECT_TRUE(token(Reason::kUnexpectedStatus).starts_with("the token service " + sts + " is in"));
  const std::string imds = "http://169.254.169.254";
  EXPECT_NE(HintForKeys(KeySource::kInstance, Reason::kTimeout, imds).find("hop limit"),
            std::string::npos);
  EXPECT_NE(HintForKeys(KeySource::kInstance, Reason::kAuth, imds).find("give the instance a role"),
            std::string::npos);
  EXPECT_NE(HintForKeys(KeySource::kContainer, Reason::kAuth, "http://169.254.170.2")
                .find("http://169.254.170.2"),
            std::string::npos);
}

}  // namespace
}  // namespace drwatch::net
