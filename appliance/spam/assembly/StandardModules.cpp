// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/StandardModules.h"

#include "appliance/spam/evals/BodyEvals.h"
#include "appliance/spam/evals/BounceEvals.h"
#include "appliance/spam/evals/DkimEvals.h"
#include "appliance/spam/evals/DmarcEvals.h"
#include "appliance/spam/evals/FreeMailEvals.h"
#include "appliance/spam/evals/HeaderEvals.h"
#include "appliance/spam/evals/HtmlEvals.h"
#include "appliance/spam/evals/ImageInfoEvals.h"
#include "appliance/spam/evals/MimeEvals.h"
#include "appliance/spam/evals/RelayEvals.h"
#include "appliance/spam/evals/SpfEvals.h"
#include "appliance/spam/evals/UriDetailEvals.h"
#include "appliance/spam/evals/UriEvals.h"
#include "appliance/spam/evals/UriHttpsMismatchEvals.h"
#include "appliance/spam/evals/WelcomeListEvals.h"
#include "appliance/spam/evals/WelcomeListSubjectEvals.h"
#include "appliance/spam/language/LanguageEvals.h"

namespace portcullis::spam {

namespace {

template<typename... Modules>
ModuleList madeOf()
{
    return {std::make_shared<Modules>()...};
}

}  // namespace

ModuleList localModules()
{
    return madeOf<BodyEvals, HtmlEvals, ImageInfoEvals, MimeEvals, BounceEvals, DkimEvals,
                  DmarcEvals, FreeMailEvals, HeaderEvals, LanguageEvals, RelayEvals, SpfEvals,
                  UriDetailEvals, UriEvals, UriHttpsMismatchEvals, WelcomeListEvals,
                  WelcomeListSubjectEvals>();
}

}  // namespace portcullis::spam
