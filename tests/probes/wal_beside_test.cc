#include "probes/wal_beside.h"

#include "probes/backup_probe_fixture.h"

namespace drwatch::probes {
namespace {

using model::Severity;
using std::chrono_literals::operator""h;

class WalBesideTest : public BackupProbeTest {
 protected:
  WalBesideTest() {
    Write("shop.dump", 2h, GoodDump());
    Write("000000010000000000000007.00000028.backup", 1h, "START WAL LOCATION: 0/7000028\n");
    Write("000000010000000000000009.gz", 1h, "x");
  }
  void Ask() {
    config_.spec = spec_;
    ProbeServices services;
    services.clock = &clock_;
    services.only_run = services.ad_hoc = true;
    probe_ = std::make_unique<BackupProbe>(config_, services);
    Run();
  }
};

TEST_F(WalBesideTest, WalIsNotTheNewestBackupOfATarget) {
  Ask();
  EXPECT_EQ(Check("exists").severity, Severity::kOk);
  EXPECT_NE(Check("exists").message.find("shop.dump"), std::string::npos);
  EXPECT_EQ(Check("place").message, "1 complete; 2 files of WAL, which is no backup");
  std::filesystem::remove(folder_.Path("backups/shop.dump"));
  Ask();
  EXPECT_EQ(Check("exists").severity, Severity::kCritical);
}

TEST_F(WalBesideTest, WhoNamesItMeansIt) {
  spec_.pattern = "*.backup";
  Ask();
  EXPECT_NE(Check("exists").message.find(".backup"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::probes
