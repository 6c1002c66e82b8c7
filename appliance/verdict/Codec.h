// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/verdict/Frame.h"
#include "appliance/verdict/Verdict.h"

#include <QtCore/QDataStream>

/// Requests and answers as frames. Decoding checks everything: a frame that is too short, too long
/// or names a content that is not there is `verdict.protocol`, never a guess.
namespace portcullis::verdict {

Frame encodeRequest(const FilterRequest &request);
Result<FilterRequest> decodeRequest(Frame frame);

Frame encodeResponse(const FilterResponse &response);
Frame encodeFailure(const Error &error);
/// A Failure frame gives the Error it carries. `contents[0]` is empty: see FilterResponse.
Result<FilterResponse> decodeResponse(Frame frame);

}  // namespace portcullis::verdict
