#pragma once
// The HTTP status of an error on the agent protocol; link/ maps it back.

#include "base/error.h"

namespace towpath::agents {

int httpStatus(ErrorKind kind);

}  // namespace towpath::agents
