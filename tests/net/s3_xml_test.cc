#include "net/s3_xml.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace drwatch::net {
namespace {

constexpr std::string_view kPage =
    R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>d%2F</Prefix>
<KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
<Contents><Key>d%2Fa+b%2B%C3%A4%0A.dump</Key><LastModified>2026-01-01T02:00:00.000Z</LastModified>
<ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><Size>434234</Size><StorageClass>GLACIER</StorageClass></Contents>
<Contents><Key>d%2Fz</Key><LastModified>2026-01-02T02:00:00Z</LastModified><ETag>"e-3"</ETag><Size>0</Size></Contents>
<CommonPrefixes><Prefix>d%2Fsub%2F</Prefix></CommonPrefixes></ListBucketResult>)";

TEST(S3XmlTest, ReadsAPageOfAListing) {
  const auto page = ParseListPage(kPage);
  ASSERT_TRUE(page.has_value()) << page.error().message;
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "d/a b+\xc3\xa4\n.dump");
  EXPECT_EQ(page->objects[0].size, 434234);
  EXPECT_EQ(base::FormatRfc3339(page->objects[0].modified), "2026-01-01T02:00:00Z");
  EXPECT_EQ(page->objects[0].etag, "9b2cf535f27731c974343645a3985328");
  EXPECT_EQ(page->objects[0].storage_class, "GLACIER");
  EXPECT_EQ(page->objects[1].etag, "e-3");
  EXPECT_EQ(page->prefixes, std::vector<std::string>{"d/sub/"});
  EXPECT_EQ(page->next_token, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=");
}

TEST(S3XmlTest, TakesPlainNamesAsTheyAre) {
  const auto page = ParseListPage(
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%20&amp;</Key>"
      "<LastModified>2026-01-01T02:00:00Z</LastModified><Size>1</Size></Contents>"
      "</ListBucketResult>");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->objects[0].key, "a+b%20&");
  EXPECT_TRUE(page->next_token.empty());
}

TEST(S3XmlTest, RefusesWhatIsNoListing) {
  const std::string entry =
      "<Key>k</Key><LastModified>2026-01-01T02:00:00Z</LastModified><Size>1</Size>";
  for (const std::string& body :
       {std::string(), std::string("garbage"), std::string("<html><body>hi</body></html>"),
        std::string("<ListBucketResult>"), std::string(kPage.substr(0, 700)),
        std::string("<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>"),
        std::string("<ListBucketResult><Contents><Key>k</Key><LastModified>2026-01-01T02:00:00Z"
                    "</LastModified><Size>-1</Size></Contents></ListBucketResult>"),
        std::string("<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key>"
                    "<LastModified>2026-01-01T02:00:00Z</LastModified><Size>1</Size></Contents>"
                    "</ListBucketResult>"),
        "<ListBucketResult><Contents><Key>" + std::string(10 << 10, 'x') + entry.substr(6) +
            "</Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><Contents>" + entry +
            "</Contents></ListBucketResult>"}) {
    EXPECT_FALSE(ParseListPage(body).has_value()) << base::Truncate(body, 100);
  }
}

TEST(S3XmlTest, ExpandsNoEntities) {
  const std::string bomb =
      "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">"
      "<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Error><Code>&b;&x;</Code></Error>";
  const S3ErrorText text = ParseS3Error(bomb);
  EXPECT_EQ(text.code.find("aaa"), std::string::npos);
  EXPECT_EQ(text.code.find("root"), std::string::npos);
}

TEST(S3XmlTest, BoundsSizeAndDepth) {
  std::string deep;
  for (int i = 0; i < 150'000; ++i) deep += "<a>";
  EXPECT_FALSE(ParseListPage(deep).has_value());
  std::string many = "<ListBucketResult>";
  for (int i = 0; i < 250'000; ++i) many += "<a/>";
  many += "</ListBucketResult>";
  const auto refused = ParseListPage(many);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "the XML document is too large");
  EXPECT_FALSE(ParseListPage(std::string(kMaxXmlBytes + 1, ' ')).has_value());
}

TEST(S3XmlTest, ReadsErrors) {
  const S3ErrorText text = ParseS3Error(
      "<?xml version=\"1.0\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>The "
      "region "
      "'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>");
  EXPECT_EQ(text.code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(text.region, "eu-west-1");
  EXPECT_EQ(ParseS3Error("<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2026-01-01T02:00:00Z"
                         "</ServerTime></Error>")
                .server_time,
            base::FromUnixMillis(1'767'232'800'000));
  EXPECT_TRUE(ParseS3Error("<html>").code.empty());
}

TEST(S3XmlTest, ReadsVersioning) {
  EXPECT_EQ(ParseVersioning("<VersioningConfiguration><Status>Enabled</Status>"
                            "</VersioningConfiguration>")
                .value(),
            S3Versioning::kEnabled);
  EXPECT_EQ(ParseVersioning("<VersioningConfiguration><Status>Suspended</Status>"
                            "</VersioningConfiguration>")
                .value(),
            S3Versioning::kSuspended);
  EXPECT_EQ(ParseVersioning("<VersioningConfiguration xmlns=\"x\"/>").value(), S3Versioning::kOff);
  // A server that does not know the question lists the bucket.
  EXPECT_FALSE(ParseVersioning("<ListBucketResult/>").has_value());
}

TEST(S3XmlTest, ReadsEncryption) {
  EXPECT_EQ(ParseEncryption("<ServerSideEncryptionConfiguration><Rule>"
                            "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms"
                            "</SSEAlgorithm><KMSMasterKeyID>arn</KMSMasterKeyID>"
                            "</ApplyServerSideEncryptionByDefault></Rule>"
                            "</ServerSideEncryptionConfiguration>")
                .value(),
            "aws:kms");
}

TEST(S3XmlTest, ReadsObjectLocks) {
  const auto lock = ParseObjectLock(
      "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
      "<DefaultRetention><Mode>COMPLIANCE</Mode><Years>1</Years></DefaultRetention></Rule>"
      "</ObjectLockConfiguration>");
  ASSERT_TRUE(lock.has_value());
  EXPECT_TRUE(lock->enabled);
  EXPECT_EQ(lock->default_mode, "COMPLIANCE");
  EXPECT_EQ(lock->default_retention, std::chrono::hours(24 * 365));
}

TEST(S3XmlTest, ReadsLifecycles) {
  const auto rules = ParseLifecycle(
      "<LifecycleConfiguration>"
      "<Rule><ID>1</ID><Filter><Prefix>daily/</Prefix></Filter><Status>Enabled</Status>"
      "<Transition><Days>7</Days><StorageClass>GLACIER</StorageClass></Transition>"
      "<Expiration><Days>14</Days></Expiration></Rule>"
      "<Rule><Prefix>old/</Prefix><Status>Disabled</Status><Expiration><Days>1</Days></Expiration>"
      "</Rule>"
      "<Rule><Filter><And><Prefix>x/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>"
      "<Status>Enabled</Status><Expiration><Days>2</Days></Expiration></Rule>"
      "<Rule><Prefix/><Status>Enabled</Status><AbortIncompleteMultipartUpload>"
      "<DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
      "<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays>"
      "</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>");
  ASSERT_TRUE(rules.has_value());
  ASSERT_EQ(rules->size(), 3u);
  EXPECT_EQ((*rules)[0].prefix, "daily/");
  EXPECT_EQ((*rules)[0].expiration, std::chrono::hours(24 * 14));
  ASSERT_EQ((*rules)[0].transitions.size(), 1u);
  EXPECT_EQ((*rules)[0].transitions[0].storage_class, "GLACIER");
  EXPECT_FALSE((*rules)[0].filtered);
  EXPECT_TRUE((*rules)[1].filtered);
  EXPECT_EQ((*rules)[2].prefix, "");
  EXPECT_FALSE((*rules)[2].expiration);
}

TEST(S3XmlTest, ReadsLifecyclesBySizeAndDay) {
  const auto rules = ParseLifecycle(
      "<LifecycleConfiguration><Rule><Filter><And><Prefix>x/</Prefix><ObjectSizeGreaterThan>500"
      "</ObjectSizeGreaterThan><ObjectSizeLessThan>900</ObjectSizeLessThan></And></Filter><Status>"
      "Enabled</Status><Expiration><Date>2026-02-01T00:00:00.000Z</Date></Expiration></Rule>"
      "</LifecycleConfiguration>");
  ASSERT_TRUE(rules.has_value());
  ASSERT_EQ(rules->size(), 1u);
  EXPECT_EQ((*rules)[0].larger_than, 500);
  EXPECT_EQ((*rules)[0].smaller_than, 900);
  EXPECT_FALSE((*rules)[0].filtered);
  EXPECT_EQ((*rules)[0].expires_on, base::FromUnixMillis(1'769'904'000'000));
}

std::string GoogleRule(const std::string& condition) {
  return "<Rule><Action><Delete/></Action><Condition>" + condition + "</Condition></Rule>";
}

TEST(S3XmlTest, ReadsGooglesLifecycles) {
  const auto rules = ParseLifecycle(
      "<?xml version=\"1.0\" ?><LifecycleConfiguration>" +
      GoogleRule("<Age>30</Age><IsLive>true</IsLive><MatchesPrefix>daily/</MatchesPrefix>"
                 "<MatchesPrefix>weekly/</MatchesPrefix>") +
      "<Rule><Action><SetStorageClass>COLDLINE</SetStorageClass></Action><Condition><Age>5</Age>"
      "</Condition></Rule>" +
      GoogleRule("<Age>1</Age><IsLive>false</IsLive>") +
      GoogleRule("<Age>2</Age><NumberOfNewerVersions>3</NumberOfNewerVersions>") +
      GoogleRule("<Age>7</Age><MatchesStorageClass>NEARLINE</MatchesStorageClass>"
                 "<MatchesSuffix>.dump</MatchesSuffix><MatchesSuffix>.gz</MatchesSuffix>") +
      "</LifecycleConfiguration>");
  ASSERT_TRUE(rules.has_value());
  ASSERT_EQ(rules->size(), 6u);
  EXPECT_EQ((*rules)[0].expiration, std::chrono::hours(24 * 30));
  EXPECT_EQ((*rules)[0].prefix, "daily/");
  EXPECT_FALSE((*rules)[0].filtered) << "what is live is meant";
  EXPECT_EQ((*rules)[1].prefix, "weekly/");
  EXPECT_FALSE((*rules)[2].expiration);
  EXPECT_EQ((*rules)[2].transitions.size(), 1u);
  EXPECT_TRUE((*rules)[3].filtered);
  EXPECT_TRUE((*rules)[4].filtered);
  EXPECT_EQ((*rules)[5].storage_classes, std::vector<std::string>{"NEARLINE"});
  EXPECT_EQ((*rules)[5].suffixes, (std::vector<std::string>{".dump", ".gz"}));
}

TEST(S3XmlTest, ReadsReplication) {
  const auto prefixes = ParseReplication(
      "<ReplicationConfiguration><Role>r</Role><Rule><Status>Enabled</Status><Filter><Prefix>a/"
      "</Prefix></Filter></Rule><Rule><Status>Disabled</Status><Prefix>b/</Prefix></Rule>"
      "<Rule><Status>Enabled</Status><Prefix/></Rule></ReplicationConfiguration>");
  ASSERT_TRUE(prefixes.has_value());
  EXPECT_EQ(*prefixes, (std::vector<std::string>{"a/", ""}));
}

TEST(S3XmlTest, ReadsUploads) {
  const auto page = ParseUploads(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><NextKeyMarker>b%2Fc"
      "</NextKeyMarker><NextUploadIdMarker>id</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
      "<Upload><Key>a%2Fb</Key><UploadId>x</UploadId><Initiated>2026-01-01T00:00:00.000Z"
      "</Initiated></Upload></ListMultipartUploadsResult>");
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->uploads.size(), 1u);
  EXPECT_EQ(page->uploads[0].key, "a/b");
  EXPECT_EQ(page->next_key, "b/c");
  EXPECT_EQ(page->next_upload_id, "id");
}

}  // namespace
}  // namespace drwatch::net
