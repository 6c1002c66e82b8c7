#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints what SpamAssassin made of its rule files, one JSON object a test: the oracle of TestOracle.cpp.
# Usage: dump-conf.pl RULES_DIR SITE_DIR
use strict;
use warnings;
use JSON::PP;
use Mail::SpamAssassin;
use Mail::SpamAssassin::Util qw(qr_to_string);

my ($rules, $site) = @ARGV;
my $engine = Mail::SpamAssassin->new({
    rules_filename => $rules, site_rules_filename => $site, userprefs_filename => '/dev/null',
    dont_copy_prefs => 1, local_tests_only => 1, require_rules => 0,
    post_config_text => "allow_user_rules 1\nuse_bayes 0\n",
});
my $conf = $engine->{conf};
$engine->init(0);

my $json = JSON::PP->new->canonical->latin1;
for my $name (sort keys %{ $conf->{tests} }) {
    my $regex = $conf->{test_qrs}{$name};
    my $mime = $conf->{mimeheader_tests}{$name};
    print $json->encode({
        name     => $name,
        type     => $conf->{test_types}{$name},
        text     => $conf->{tests}{$name},
        regex    => $mime ? qr_to_string($mime->{pattern}) : $regex ? qr_to_string($regex) : undef,
        header   => $mime ? $mime->{hdr} : $conf->{test_opt_header}{$name},
        negated  => ($mime ? $mime->{negated} : $conf->{test_opt_neg}{$name}) ? 1 : 0,
        exists   => $conf->{test_opt_exists}{$name} ? 1 : 0,
        unset    => $mime ? $mime->{if_unset} : $conf->{test_opt_unset}{$name},
        scores   => [ map { $conf->{scoreset}[$_]{$name} + 0 } 0 .. 3 ],
        flags    => $conf->{tflags}{$name},
        priority => $conf->{priority}{$name} + 0,
        description => $conf->{descriptions}{$name},
    }), "\n";
}
print $json->encode({ plugins => [ sort keys %{ $conf->{plugins_loaded} } ],
                      errors => $conf->{errors} }), "\n";
