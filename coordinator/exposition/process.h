#pragma once
// What the system knows of this process, under the names that Prometheus' clients use (process_*).

#include "exposition/text.h"

namespace towpath::exposition {

// Reads /proc/self; what cannot be read is left out.
void writeProcess(MetricsText& text);

}  // namespace towpath::exposition
