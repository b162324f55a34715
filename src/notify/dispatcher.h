// Delivery as the program sees it: takes alert events over durably, and sees to it that every
// receiver of the route is told.
//
// One thread runs timers; each receiver integration has a sender thread of its own while it has
// something to send, so that a bad receiver delays nobody else. docs/delivery.md has the promises.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"
#include "config/config.h"
#include "db/database.h"
#include "model/alert.h"
#include "net/http_client.h"
#include "net/smtp.h"
#include "notify/posted.h"
#include "notify/records.h"
#include "notify/stats.h"

namespace drwatch::notify {

using FetchFunction = std::function<net::HttpOutcome(const net::HttpRequest&, base::Deadline,
                                                     const base::StopToken&)>;
using MailFunction = std::function<net::MailOutcome(const net::MailRequest&, base::Deadline,
                                                    const base::StopToken&)>;
// The ways out.
struct Transport {
  FetchFunction fetch = net::Fetch;
  MailFunction mail = net::SendMail;
};

// Places where a test looks at the state on disk, as a crash there would leave it.
enum class Step { kBeforeCommit, kAfterCommit, kBeforeSend, kAfterSend };

// Everything the API and the status page show of delivery, at one moment.
struct Snapshot {
  struct AlertView {
    model::Alert alert;  // with the external labels
    std::vector<std::string> receivers;
    base::Timestamp updated_at{};
    base::Timestamp expires_at{};  // of a posted one
    // Why nobody is told of it: ids of silences, fingerprints of alerts, names of time intervals.
    std::vector<std::string> silenced_by, inhibited_by, muted_by;
  };
  struct GroupView {
    std::string key;
    std::string receiver;
    model::Labels labels;
    std::vector<std::string> fingerprints;  // of its firing alerts, as in AlertView::alert
    std::optional<base::Timestamp> next_flush;
    std::vector<std::string> muted_by;  // names of time intervals
  };
  struct OutboxRow {
    std::string receiver;
    std::string integration;
    std::string group_key;
    Occasion occasion = Occasion::kTrigger;
    std::string summary;
    base::Duration age{};
    int attempts = 0;
    std::string last_error;  // without secrets
    base::Duration next_attempt_in{};
    bool fallback = false;
  };
  std::vector<AlertView> alerts;  // firing ones
  std::vector<GroupView> groups;
  std::vector<OutboxRow> outbox;        // oldest first
  std::vector<AttemptRecord> attempts;  // newest first
  std::vector<Silence> silences;        // in the order of their ids
  base::Timestamp now{};                // by the dispatcher's clock, for Silence::StateAt
  bool state_writable = true;
};

// Thread-safe.
class Dispatcher {
 public:
  // While the state cannot be written, it is tried again so often.
  static constexpr base::Duration kSaveRetry = std::chrono::seconds(5);
  // Sender threads at once; further receivers wait for one to finish.
  static constexpr int kMaxSenders = 64;

  struct Options {
    const base::Clock* clock = nullptr;            // outlives the dispatcher
    db::Database* database = nullptr;              // outlives it; has Migrations()
    std::shared_ptr<const config::Config> config;  // the first configuration
    Transport transport;
    std::function<void(Step)> on_step;  // default: nothing
  };

  // Reads the state. Nothing is sent before Start(). Errors: the state cannot be read.
  static base::Result<std::unique_ptr<Dispatcher>> Create(Options options);
  ~Dispatcher();  // stops without draining

  // Takes the events over: when it returns success they are on disk and will be delivered across a
  // crash. Offering an event again changes nothing. Errors: the state cannot be written, or there
  // are too many alerts; what was taken is delivered from memory all the same.
  base::Status Accept(const std::vector<model::AlertEvent>& events);
  // The same for alerts that others post; each has passed CheckPosted.
  base::Status Post(const std::vector<PostedAlert>& alerts);
  // From now on alerts go where `config` says. Incidents that are open stay with the receivers that
  // know of them.
  void Reload(std::shared_ptr<const config::Config> config);

  // As Ledger's, with an id made here. On disk when they return; an error of the disk means that it
  // holds, but perhaps only until a restart.
  base::Result<std::string> SetSilence(Silence silence);
  base::Status ExpireSilence(const std::string& id);

  void Start();
  // Lets senders finish what is due, until `drain` passed, then breaks attempts off. What was not
  // delivered is delivered after the next start.
  void Stop(base::Duration drain);
  // Looks at the clock again: for tests that move a fake one.
  void Wake();

  Snapshot TakeSnapshot() const;
  DeliveryStats Stats() const;

 private:
  class Shell;
  explicit Dispatcher(std::unique_ptr<Shell> shell);
  std::unique_ptr<Shell> shell_;
};

}  // namespace drwatch::notify
