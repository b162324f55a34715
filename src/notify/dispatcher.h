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
#include "net/oauth2.h"
#include "net/smtp.h"
#include "notify/posted.h"
#include "notify/records.h"
#include "notify/snapshot.h"
#include "notify/stats.h"

namespace drwatch::notify {

using FetchFunction = net::FetchFunction;
using MailFunction = std::function<net::MailOutcome(const net::MailRequest&, base::Deadline,
                                                    const base::StopToken&)>;
// The ways out.
struct Transport {
  FetchFunction fetch = net::WithTokens(net::Fetch);
  MailFunction mail = net::SendMail;
};

// Places where a test looks at the state on disk, as a crash there would leave it.
enum class Step { kBeforeCommit, kAfterCommit, kBeforeSend, kAfterSend };

// Thread-safe.
class Dispatcher {
 public:
  // While the state cannot be written, it is tried again so often.
  static constexpr base::Duration kSaveRetry = std::chrono::seconds(5);
  // Outcomes are on the disk after so long, even after a power cut; what it takes is told again.
  static constexpr base::Duration kSyncOutcomes = std::chrono::seconds(1);
  // Sender threads at once; further receivers wait for one to finish.
  static constexpr int kMaxSenders = 64;

  struct Options {
    const base::Clock* clock = nullptr;            // outlives the dispatcher
    db::Database* database = nullptr;              // outlives it; has Migrations()
    std::shared_ptr<const config::Config> config;  // the first configuration
    Transport transport;
    std::function<void(Step)> on_step;  // default: nothing
    // Signs the links by which readers of notifications acknowledge; empty: there are none.
    base::Secret link_key{};
    // Told of each once it is on disk (or could not be put there), under the dispatcher's lock: it
    // must not call back. Default: nothing.
    std::function<void(const Happening&)> on_happening{};
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

  // As Ledger's. On disk when it returns; an error of the disk as above.
  base::Result<std::size_t> Acknowledge(const AckRequest& request);
  // The alerts a selection would take, as they are shown. Errors: as SelectAlerts'.
  base::Result<std::vector<model::Alert>> Selected(const AckSelection& selection) const;
  // What a link's token says; nullopt: it is none of ours.
  std::optional<AckLink> ReadLink(std::string_view token) const;

  void Start();
  // Lets senders finish what is due, until `drain` passed, then breaks attempts off. What was not
  // delivered is delivered after the next start.
  void Stop(base::Duration drain);
  // Looks at the clock again: for tests that move a fake one.
  void Wake();

  // The rules' alerts it knows, firing ones and those that ended in the last minutes, as the events
  // that told of them: what else has to be told of them after a restart.
  std::vector<model::AlertEvent> RuleAlerts() const;

  Snapshot TakeSnapshot() const;
  DeliveryStats Stats() const;

 private:
  class Shell;
  explicit Dispatcher(std::unique_ptr<Shell> shell);
  std::unique_ptr<Shell> shell_;
};

}  // namespace drwatch::notify
