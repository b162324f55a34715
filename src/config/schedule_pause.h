// How long a schedule leaves one without a new backup.
#pragma once

#include "base/clock.h"
#include "config/schedule.h"

namespace drwatch::config {

// The longest time between two slots from 2026 on, exactly: as far as the calendar goes until it is
// the same again, and with the hour by which a night is longer when clocks go back. That hour is
// left out of schedules with a * for the hour: cron runs those by elapsed time. Costs some
// microseconds; half a millisecond where days of the month or months are restricted, some where
// days of the week are, too.
base::Duration LongestPause(const Schedule& schedule);

}  // namespace drwatch::config
